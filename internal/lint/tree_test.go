// Package lint holds memsweep to its architecture: which package may import
// what, where goroutines start, what may never be sent. ARCHITECTURE.md gives
// the reasons. It has tests only.
package lint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// module is the import path of the repository's root.
const module = "github.com/memsweep/memsweep"

// root is the repository, seen from the folder that this test runs in.
const root = "../.."

// testOnly is the package that tests share, and that imports testing.
const testOnly = "internal/memtest/realtest"

// browserOnly is the same for tests of pages.
const browserOnly = "internal/chromium"

// A source is one Go file of the module.
type source struct {
	path   string // slash-separated, relative to root: "scanner/gate.go"
	syntax *ast.File
	files  *token.FileSet
}

func parse(path string, text []byte) (source, error) {
	files := token.NewFileSet()
	syntax, err := parser.ParseFile(files, path, text, parser.ParseComments|parser.SkipObjectResolution)
	return source{path, syntax, files}, err
}

// folder is the package's path inside the module.
func (s source) folder() string { return path.Dir(s.path) }

// isTest reports whether the file is for tests only. TestLinked holds that no
// such file is in the program.
func (s source) isTest() bool {
	return strings.HasSuffix(s.path, "_test.go") || s.folder() == testOnly || s.folder() == browserOnly
}

func (s source) line(at token.Pos) string {
	return s.path + ":" + strconv.Itoa(s.files.Position(at).Line)
}

func (s source) lines() int {
	return s.files.File(s.syntax.FileStart).LineCount()
}

// imports returns the import paths of the file.
func (s source) imports() []string {
	var paths []string
	for _, spec := range s.syntax.Imports {
		paths = append(paths, literal(spec.Path))
	}
	return paths
}

// calls yields every call of a function or method that is written x.Sel(…),
// and of those written Sel(…) with an empty x.
func (s source) calls(yield func(x, sel string, call *ast.CallExpr)) {
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		switch fun := call.Fun.(type) {
		case *ast.Ident:
			yield("", fun.Name, call)
		case *ast.SelectorExpr:
			x := "…" // a chain: the name is enough
			if id, ok := fun.X.(*ast.Ident); ok {
				x = id.Name
			}
			yield(x, fun.Sel.Name, call)
		}
		return true
	})
}

// literal is the value of a string literal, "" of any other.
func literal(lit *ast.BasicLit) string {
	if lit.Kind != token.STRING {
		return ""
	}
	text, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return text
}

// tree parses every Go file of the module, for whatever system it is built.
func tree(t *testing.T) []source {
	t.Helper()
	var sources []source
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() && name != root && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "dist") {
			return filepath.SkipDir // not part of the module, to the go tool either
		}
		if entry.IsDir() || !strings.HasSuffix(base, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		parsed, err := parse(filepath.ToSlash(relative), text)
		if err != nil {
			return err
		}
		sources = append(sources, parsed)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) == 0 {
		t.Fatal("no Go files found: the rules would hold of nothing")
	}
	return sources
}
