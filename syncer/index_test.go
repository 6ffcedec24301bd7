package syncer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// meta is the metadata of an object as the watch brings it: its place, UID and resourceVersion, and annotations.
func meta(at string, uid string, version int, annotations ...string) *metav1.PartialObjectMetadata {
	m := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: place(at).Namespace, Name: place(at).Name, UID: types.UID(uid), ResourceVersion: strconv.Itoa(version), Annotations: map[string]string{},
	}}
	for pair := range slices.Chunk(annotations, 2) {
		m.Annotations[pair[0]] = pair[1]
	}
	return m
}

// copyMeta is the metadata of a copy of home/s.
func copyMeta(at string, uid string, version int) *metav1.PartialObjectMetadata {
	return meta(at, uid, version, AnnotationTarget, at, AnnotationOrigin, origin{Namespace: "home", Name: "s"}.String())
}

// ears is an index and what it told, as "place: role → role".
type ears struct {
	*index
	told []string
}

func newEars(t *testing.T, all ...any) *ears {
	e := &ears{}
	roles := map[bool]func(*object) string{true: func(*object) string { return "-" }, false: func(o *object) string {
		return [...]string{"foreign", "source", "copy", "offered"}[o.role]
	}}
	e.index = newIndex(scope{}, func(at ref, before, after *object) {
		e.told = append(e.told, fmt.Sprintf("%s: %s → %s", at, roles[before == nil](before), roles[after == nil](after)))
	}, func(namespace string) { e.told = append(e.told, strings.TrimSpace("refilled "+namespace)) })
	if err := e.Replace(all, "1"); err != nil {
		t.Fatal(err)
	}
	slices.Sort(e.told)
	return e
}

func (e *ears) want(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(e.told, want) {
		t.Errorf("told %q, want %q", e.told, want)
	}
	e.told = nil
}

func TestIndexKeepsSourcesCopiesAndOfferedObjectsOnly(t *testing.T) {
	e := newEars(t, meta("home/s", "1", 1, AnnotationSync, ""), copyMeta("blue/s", "2", 2), meta("red/s", "3", 3, AnnotationAdopt, "true"), meta("red/x", "4", 4), nothing)
	e.want(t, "blue/s: - → copy", "home/s: - → source", "red/s: - → offered", "refilled")
	if len(e.objects) != 3 {
		t.Errorf("%v", e.objects)
	}
	for i := range 100 {
		_ = e.Add(meta("red/x", "4", 5+i))
	}
	e.want(t)
	_ = e.Delete(meta("red/x", "4", 200))
	e.want(t, "red/x: - → -")
}

func TestWhatIsStreamedIsReducedToWhatTheIndexKeeps(t *testing.T) {
	e := newEars(t)
	e.told = nil
	source := meta("home/s", "1", 1, AnnotationSync, "")
	source.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	collected := cache.NewStore(cache.MetaNamespaceKeyFunc, cache.WithTransformer(e.Transformer())) // as the reflector does it
	for _, o := range []any{source, copyMeta("blue/s", "2", 2), meta("red/x", "4", 4), meta("red/y", "5", 5)} {
		if err := collected.Add(o); err != nil {
			t.Fatal(err)
		}
	}
	list := collected.List()
	for _, o := range list { // what is foreign is one object
		if kept, ok := o.(*object); o != any(nothing) && (!ok || kept.ManagedFields != nil) {
			t.Errorf("%T was kept", o)
		}
	}
	if err := e.Replace(list, "5"); err != nil {
		t.Fatal(err)
	}
	slices.Sort(e.told)
	e.want(t, "blue/s: - → copy", "home/s: - → source", "refilled")
}

func TestTheNewerStateWins(t *testing.T) {
	e := newEars(t, copyMeta("blue/s", "2", 100))
	e.told = nil
	_ = e.Update(copyMeta("blue/s", "2", 99))
	_ = e.Update(copyMeta("blue/s", "2", 100))
	_ = e.Delete(copyMeta("blue/s", "1", 98))
	e.want(t)
	if got := e.at(place("blue/s")).ResourceVersion; got != "100" {
		t.Error(got)
	}
	_ = e.Update(copyMeta("blue/s", "2", 1000)) // longer is newer
	e.want(t, "blue/s: copy → copy")
	_ = e.Delete(copyMeta("blue/s", "2", 1001))
	e.want(t, "blue/s: copy → -")
}

func TestTheEchoOfOurWriteChangesNothing(t *testing.T) {
	e := newEars(t)
	e.told = nil
	e.wrote(copyMeta("blue/s", "2", 10).ObjectMeta)
	_ = e.Add(copyMeta("blue/s", "2", 10))
	e.want(t)
	if !e.at(place("blue/s")).checked {
		t.Error("what we wrote is not known to be right")
	}
	_ = e.Update(copyMeta("blue/s", "2", 11))
	e.want(t, "blue/s: copy → copy")
	if e.at(place("blue/s")).checked {
		t.Error("what somebody wrote is taken for right")
	}
}

func TestAnAnswerThatTheWatchHasOvertakenDoesNotBringBackWhatHasGone(t *testing.T) {
	for _, test := range []struct {
		name string
		gone func(all part) error
	}{
		{"deleted", func(all part) error { return all.Delete(copyMeta("blue/s", "2", 11)) }},
		{"no copy any more", func(all part) error { return all.Update(meta("blue/s", "2", 11)) }},
		{"not in a later list", func(all part) error { return all.Replace(nil, "11") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := newEars(t)
			all := part{e.index, metav1.NamespaceAll}
			_ = all.Add(copyMeta("blue/s", "2", 10))
			all.UpdateResourceVersion("10")
			if err := test.gone(all); err != nil {
				t.Fatal(err)
			}
			e.wrote(copyMeta("blue/s", "2", 10).ObjectMeta)
			if e.at(place("blue/s")) != nil {
				t.Error("it is back")
			}
			e.wrote(copyMeta("blue/s", "3", 12).ObjectMeta)
			if got := e.at(place("blue/s")); got == nil || !got.checked {
				t.Error("what was written later is not known")
			}
		})
	}
}

func TestWhatWeDeletedDoesNotComeBack(t *testing.T) {
	e := newEars(t, copyMeta("blue/s", "2", 10))
	e.told = nil
	e.wasDeleted(e.at(place("blue/s")))
	_ = e.Update(copyMeta("blue/s", "2", 9)) // was on the way
	e.want(t)
	if e.at(place("blue/s")) != nil {
		t.Error("it is back")
	}
	_ = e.Delete(copyMeta("blue/s", "2", 11))
	_ = e.Add(copyMeta("blue/s", "3", 12))
	e.want(t, "blue/s: - → -", "blue/s: - → copy")
	if len(e.deleted) != 0 {
		t.Errorf("%v", e.deleted)
	}
	e.wasDeleted(readObject(copyMeta("blue/s", "2", 10).ObjectMeta, scope{})) // the event was first
	if e.at(place("blue/s")) == nil || len(e.deleted) != 0 {
		t.Error("another object was forgotten")
	}
}

func TestTheEndOfACopyThatWeAreDeletingIsNoNews(t *testing.T) {
	e := newEars(t, copyMeta("blue/s", "2", 10), copyMeta("red/s", "3", 11))
	e.told = nil
	e.willDelete(e.at(place("blue/s")))
	e.willDelete(e.at(place("red/s")))
	_ = e.Update(copyMeta("red/s", "3", 12)) // somebody was quicker
	if e.notDeleted(e.at(place("red/s"))) {
		t.Error("red/s is there, and taken for gone")
	}
	_ = e.Delete(copyMeta("blue/s", "2", 13))
	_ = e.Delete(copyMeta("red/s", "3", 14))
	e.want(t, "red/s: copy → copy", "blue/s: - → -", "red/s: copy → -")
	if !e.notDeleted(readObject(copyMeta("blue/s", "2", 10).ObjectMeta, scope{})) {
		t.Error("blue/s is gone, and the answer was lost")
	}
	e.wasDeleted(readObject(copyMeta("blue/s", "2", 10).ObjectMeta, scope{}))
	if len(e.deleting)+len(e.deleted)+len(e.objects) != 0 {
		t.Errorf("%v %v %v", e.deleting, e.deleted, e.objects)
	}
}

func TestTheEndOfASourceIsNewsAlsoIfItWasACopyThatWeAreDeleting(t *testing.T) {
	e := newEars(t, copyMeta("blue/s", "2", 10))
	e.told = nil
	e.willDelete(e.at(place("blue/s")))
	_ = e.Update(meta("blue/s", "2", 11, AnnotationSync, "")) // somebody was quicker
	_ = e.Delete(meta("blue/s", "2", 12, AnnotationSync, ""))
	e.want(t, "blue/s: copy → source", "blue/s: source → -")
}

func TestASourceIsMissingFromItsDeletionUntilItIsBackOrItsLastCopyHasGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		home := place("home/s")
		mark := func(uid string, version int) *metav1.PartialObjectMetadata {
			return meta("home/s", uid, version, AnnotationSync, "")
		}
		e := newEars(t, mark("1", 1), copyMeta("blue/s", "2", 2))
		filled := time.Now()
		time.Sleep(time.Hour)
		_ = e.Delete(mark("1", 3))
		deleted := time.Now()
		time.Sleep(time.Second)
		_ = e.Update(copyMeta("blue/s", "2", 4))
		if got := e.missingSince(home); !got.Equal(deleted) {
			t.Errorf("deleted, but missing since %v", got)
		}
		_ = e.Add(mark("5", 5))
		_ = e.Update(meta("home/s", "5", 6))
		if got := e.missingSince(home); !got.IsZero() {
			t.Errorf("unmarked, but missing since %v", got)
		}
		_ = e.Delete(copyMeta("blue/s", "2", 7))
		if got := e.missingSince(home); !got.Equal(filled) || len(e.gone) != 0 {
			t.Errorf("forgotten, but missing since %v", got)
		}
	})
}

func TestWhatWentUnseenGoesWithTheNextList(t *testing.T) {
	e := newEars(t, meta("home/s", "1", 1, AnnotationSync, ""), copyMeta("blue/s", "2", 2), copyMeta("red/s", "3", 3))
	e.told = nil
	if err := e.Replace([]any{copyMeta("blue/s", "2", 2), copyMeta("red/s", "3", 9)}, "9"); err != nil {
		t.Fatal(err)
	}
	e.want(t, "home/s: source → -", "red/s: copy → copy", "refilled")
	if got := len(e.copiesFrom(place("home/s"))); got != 2 || e.gone[place("home/s")].IsZero() {
		t.Errorf("%d copies, gone %v", got, e.gone)
	}
}

func TestAListCountsThoughTimeHasGoneBack(t *testing.T) {
	source := func(version int) *metav1.PartialObjectMetadata {
		return meta("home/s", "1", version, AnnotationSync, "")
	}
	e := newEars(t, source(1))
	all := part{e.index, metav1.NamespaceAll}
	_ = all.Update(source(100))
	all.UpdateResourceVersion("100")
	e.told = nil
	if err := all.Replace([]any{source(95)}, "100"); err != nil {
		t.Fatal(err)
	}
	e.want(t, "refilled")
	if err := all.Replace([]any{source(90)}, "90"); err != nil {
		t.Fatal(err)
	}
	e.want(t, "home/s: source → source", "refilled")
	_ = all.Update(source(91))
	if got := e.at(place("home/s")).ResourceVersion; got != "91" {
		t.Error(got)
	}
}

func TestLookups(t *testing.T) {
	e := newEars(t, meta("home/s", "1", 1, AnnotationSync, "", AnnotationSyncAs, "t"), meta("home/u", "2", 2, AnnotationSync, "a b"), copyMeta("blue/t", "3", 3), copyMeta("blue/v", "4", 4))
	if got := e.sourcesNamed("t"); len(got) != 1 || got[0].Name != "s" || e.sourcesNamed("s") != nil || e.sourcesNamed("u") != nil {
		t.Errorf("%v", got)
	}
	if len(e.copiesIn("blue")) != 2 || len(e.copiesIn("red")) != 0 || len(e.allCopies()) != 2 || len(e.allSources()) != 2 {
		t.Error("something is not found")
	}
	copies := 0
	if sources := e.count(func(ref) { copies++ }); sources != 2 || copies != 2 {
		t.Errorf("%d sources, %d copies", sources, copies)
	}
	for _, at := range []string{"blue/t", "blue/v", "home/s"} {
		_ = e.Delete(copyMeta(at, "3", 9))
	}
	_ = e.Update(meta("home/u", "2", 9))
	if len(e.from)+len(e.within)+len(e.sources)+len(e.named)+len(e.objects) != 0 {
		t.Errorf("%v %v %v %v %v", e.from, e.within, e.sources, e.named, e.objects)
	}
	if err := e.Add(strings.NewReader("")); err == nil {
		t.Error("it takes anything")
	}
}

func TestTheIndexNoticesEveryObjectAlsoThoseThatItForgets(t *testing.T) {
	e := newEars(t)
	var noticed []string
	e.noticed = func(at ref) { noticed = append(noticed, at.String()) }
	foreign := meta("infra/theirs", "1", 2)
	for _, step := range []func(any) error{e.Add, e.Update, e.Delete} {
		if err := step(foreign); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Replace([]any{nothing}, "3"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"infra/theirs", "infra/theirs", "infra/theirs", "/"}; !slices.Equal(noticed, want) {
		t.Errorf("noticed %q, want %q", noticed, want)
	}
}

func TestAStateThatWasReadDoesNotBringBackWhatTheWatchSawGoing(t *testing.T) {
	e := newEars(t, meta("home/s", "1", 7, AnnotationSync, ""))
	read := meta("home/s", "1", 8, AnnotationSync, "").ObjectMeta
	if !e.renew(read) || e.at(place("home/s")).ResourceVersion != "8" {
		t.Error("what was read is not known")
	}
	_ = e.Add(meta("home/s", "1", 9)) // no source any more, and so forgotten
	if e.renew(read) || e.at(place("home/s")) != nil {
		t.Error("the source is back")
	}
}
