package web

import (
	"net/http"
	"net/url"
)

// linkWith is the address of the page with some parameters changed: a name, then
// its value, "" to leave it out. A changed list begins at its beginning.
func linkWith(r *http.Request, changes ...string) string {
	q := url.Values{}
	for name, values := range r.URL.Query() {
		for _, v := range values {
			if v != "" && name != "after" && name != "format" {
				q.Add(name, v)
			}
		}
	}
	for i := 0; i+1 < len(changes); i += 2 {
		q.Del(changes[i])
		if changes[i+1] != "" {
			q.Set(changes[i], changes[i+1])
		}
	}
	return address(r.URL.EscapedPath(), q)
}

// linkTo is the address of another page, with parameters: a name, then its value.
func linkTo(path string, parameters ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(parameters); i += 2 {
		if parameters[i+1] != "" {
			q.Add(parameters[i], parameters[i+1])
		}
	}
	return address(path, q)
}

func address(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// sweepPath is where the page of a sweep is.
func sweepPath(scan string) string { return "/sweeps/" + url.PathEscape(scan) }
