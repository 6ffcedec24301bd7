package gobuild

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
)

// ModuleFolder returns the folder with the files of a module that the go.mod in the folder dir names, after downloading it
// if need be.
func ModuleFolder(ctx context.Context, dir, module string) (string, error) {
	download := exec.CommandContext(ctx, "go", "mod", "download", "-json", module)
	download.Dir = dir
	out, err := download.Output()
	var answer struct{ Dir, Error string }
	if wrong := json.Unmarshal(out, &answer); wrong != nil || answer.Error != "" {
		return "", fmt.Errorf("download module %s: %w %s", module, err, answer.Error)
	}
	return answer.Dir, err
}
