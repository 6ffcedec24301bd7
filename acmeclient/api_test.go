package acmeclient_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestNothingOfKubernetesIsImported(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.Lines(string(out)) {
		if strings.HasPrefix(dep, "k8s.io/") || strings.HasPrefix(dep, "sigs.k8s.io/") {
			t.Errorf("%s is imported", strings.TrimSpace(dep))
		}
	}
}

func TestNoTypeOfLegosIsExported(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		lego := legoNames(file)
		for _, decl := range file.Decls {
			for _, found := range exported(decl) {
				if used := uses(found, lego); used != "" {
					t.Errorf("%s: an exported declaration shows %s", path, used)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// legoNames returns the names under which a file imports lego's packages.
func legoNames(file *ast.File) map[string]bool {
	names := map[string]bool{}
	for _, spec := range file.Imports {
		path := strings.Trim(spec.Path.Value, `"`)
		if !strings.HasPrefix(path, "github.com/go-acme/lego/") {
			continue
		}
		name := filepath.Base(path)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = true
	}
	return names
}

// exported returns what of a declaration other packages see: signatures, exported fields and methods, values.
func exported(decl ast.Decl) []ast.Node {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d))) {
			return []ast.Node{d.Type}
		}
	case *ast.GenDecl:
		var all []ast.Node
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					all = append(all, visible(s.Type)...)
				}
			case *ast.ValueSpec:
				if s.Names[0].IsExported() {
					all = append(all, s)
				}
			}
		}
		return all
	}
	return nil
}

func visible(t ast.Expr) []ast.Node {
	structure, ok := t.(*ast.StructType)
	if !ok {
		return []ast.Node{t}
	}
	var all []ast.Node
	for _, field := range structure.Fields.List {
		if len(field.Names) == 0 || field.Names[0].IsExported() {
			all = append(all, field.Type)
		}
	}
	return all
}

func receiver(d *ast.FuncDecl) string {
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if name, ok := t.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}

func uses(node ast.Node, packages map[string]bool) string {
	found := ""
	ast.Inspect(node, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && packages[x.Name] {
				found = x.Name + "." + s.Sel.Name
			}
		}
		return true
	})
	return found
}
