package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
)

// A rule looks at one file and says what is wrong with it.
type rule struct {
	name  string
	check func(source) (wrong []string)
}

var rules = []rule{
	{"imports go downward", checkImports},
	{"no init", checkInit},
	{"goroutines only beside sockets", checkGoroutines},
	{"no clock in pure packages", checkClock},
	{"only main ends the program", checkExit},
	{"no shared mutable state", checkState},
	{"short files", checkLength},
	{"telling package names", checkPackageName},
	{"harmless by construction", checkHarmless},
}

// mains are the files that may end a program.
var mains = []string{"cmd/memsweep/main.go", "internal/lab/bench/main_linux.go", "internal/lab/bench/main_others.go"}

// mayStartGoroutines lists the packages that own sockets or processes, and
// main, which waits for signals and draws progress.
var mayStartGoroutines = []string{
	"scanner", "scanner/raw", "internal/memtest", "cmd/memsweep", "internal/lab", "internal/lab/bench",
	"internal/schedule", "internal/notify", "internal/web",
}

const maxLines = 500

func checkInit(s source) (wrong []string) {
	for _, decl := range s.syntax.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			wrong = append(wrong, s.line(f.Pos())+": func init: make it explicit, in a constructor or a table")
		}
	}
	return wrong
}

func checkGoroutines(s source) (wrong []string) {
	if s.isTest() || slices.Contains(mayStartGoroutines, s.folder()) {
		return nil
	}
	complain := func(at token.Pos) {
		wrong = append(wrong, s.line(at)+": starts a goroutine in a package without sockets")
	}
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		if g, ok := n.(*ast.GoStmt); ok {
			complain(g.Pos())
		}
		return true
	})
	s.calls(func(_, sel string, call *ast.CallExpr) {
		if sel == "AfterFunc" || sel == "Go" && len(call.Args) == 1 { // time, context; sync.WaitGroup, errgroup
			complain(call.Pos())
		}
	})
	return wrong
}

// checkClock: what a reply means must not depend on when it is read.
func checkClock(s source) (wrong []string) {
	if s.isTest() || !slices.Contains([]string{"exposure", "exposure/policy", "probes"}, s.folder()) {
		return nil
	}
	forbidden := []string{"Now", "Since", "Until", "Sleep", "After", "Tick", "NewTimer", "NewTicker", "AfterFunc"}
	s.calls(func(x, sel string, call *ast.CallExpr) {
		if x == "time" && slices.Contains(forbidden, sel) {
			wrong = append(wrong, s.line(call.Pos())+": time."+sel+" in a package without a clock")
		}
	})
	return wrong
}

func checkExit(s source) (wrong []string) {
	if s.isTest() || slices.Contains(mains, s.path) {
		return nil
	}
	s.calls(func(x, sel string, call *ast.CallExpr) {
		fatal := x == "log" && (strings.HasPrefix(sel, "Fatal") || strings.HasPrefix(sel, "Panic"))
		if fatal || sel == "Exit" && (x == "os" || x == "syscall" || x == "unix" || x == "cli") {
			wrong = append(wrong, s.line(call.Pos())+": "+x+"."+sel+" outside of main: return an error")
		}
	})
	return wrong
}

// checkState allows variables of a package that are set once, where they are
// declared: errors, tables, compiled patterns, embedded files. Main may have
// strings without a value, for the linker to set (-X).
func checkState(s source) (wrong []string) {
	if s.isTest() {
		return nil
	}
	for _, decl := range s.syntax.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.VAR {
			continue
		}
		for _, spec := range group.Specs {
			v := spec.(*ast.ValueSpec)
			if !setOnce(v) && !embedded(group, v) && !forLinker(s, v) {
				wrong = append(wrong, s.line(v.Pos())+": var "+v.Names[0].Name+" is shared mutable state: pass it, or make it a const or a table")
			}
		}
	}
	return wrong
}

func setOnce(v *ast.ValueSpec) bool {
	for _, value := range v.Values {
		switch value := value.(type) {
		case *ast.UnaryExpr: // &T{…}
			return false
		case *ast.CallExpr:
			if id, ok := value.Fun.(*ast.Ident); ok && (id.Name == "make" || id.Name == "new") {
				return false
			}
		case *ast.CompositeLit:
			if sel, ok := value.Type.(*ast.SelectorExpr); ok && isLock(sel) {
				return false
			}
		}
	}
	return len(v.Values) > 0
}

func isLock(sel *ast.SelectorExpr) bool {
	x, ok := sel.X.(*ast.Ident)
	return ok && (x.Name == "sync" || x.Name == "atomic")
}

func embedded(group *ast.GenDecl, v *ast.ValueSpec) bool {
	for _, doc := range []*ast.CommentGroup{group.Doc, v.Doc} {
		if doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") }) {
			return true
		}
	}
	return false
}

func forLinker(s source, v *ast.ValueSpec) bool {
	id, ok := v.Type.(*ast.Ident)
	return s.folder() == "cmd/memsweep" && ok && id.Name == "string"
}

func checkLength(s source) []string {
	if n := s.lines(); !s.isTest() && n > maxLines {
		return []string{fmt.Sprintf("%s: %d lines, more than %d", s.path, n, maxLines)}
	}
	return nil
}

func checkPackageName(s source) []string {
	switch name := strings.TrimSuffix(s.syntax.Name.Name, "_test"); name {
	case "util", "utils", "helper", "helpers", "common", "misc", "base", "manager", "types":
		return []string{s.path + ": package " + name + " does not say what it is about"}
	}
	return nil
}

// Commands that read, change or delete what is cached, or harm the server:
// see the safety rules in ARCHITECTURE.md.
var (
	harmful = regexp.MustCompile(`(?i)flush_all|cachedump|metadump|stats\s+(reset|r|s|e|extstore|detail|sizes_enable|sizes_disable)\b|sizes_enable|lru_crawler`)
	verb    = `get|gets|gat|gats|mg|ms|md|ma|me|set|add|replace|append|prepend|cas|delete|incr|decr|touch|verbosity|watch|shutdown|slabs|lru|cache_memlimit|misbehave|quit`
	// A verb counts when it is followed by a line end, or by a blank and
	// nothing else: "get " waits for a key, "get source address: %w" is prose.
	request = regexp.MustCompile(`(?i)^\s*(` + verb + `)(| [^\r\n]*)\r?\n|^(` + verb + `) $`)
)

// checkHarmless keeps such commands out of the packages that can send.
func checkHarmless(s source) (wrong []string) {
	if s.isTest() || s.folder() != "probes" && s.folder() != "scanner" {
		return nil
	}
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok {
			if text := literal(lit); harmful.MatchString(text) || request.MatchString(text) {
				wrong = append(wrong, fmt.Sprintf("%s: %q could be sent, and must never be", s.line(lit.Pos()), text))
			}
		}
		return true
	})
	return wrong
}
