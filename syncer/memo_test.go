package syncer

import (
	"fmt"
	"strings"
	"testing"
)

func TestAMemoMakesOnceWhatItIsAskedForAgain(t *testing.T) {
	made := 0
	m := newMemo(func(text string) int { made++; return len(text) })
	for range 3 {
		if m.of("four") != 4 {
			t.Fatal("it is another one's")
		}
	}
	if made != 1 {
		t.Errorf("it was made %d times", made)
	}
}

func TestAMemoKeepsNeitherManyTextsNorLongOnes(t *testing.T) {
	m := newMemo(func(text string) int { return len(text) })
	long := strings.Repeat("x", memoText+1)
	if m.of(long) != len(long) || m.of("") != 0 || len(m.known) != 0 {
		t.Errorf("it keeps %d", len(m.known))
	}
	for i := range 3 * memoSize {
		m.of(fmt.Sprint(i))
		if len(m.known) > memoSize {
			t.Fatalf("it keeps %d", len(m.known))
		}
	}
}
