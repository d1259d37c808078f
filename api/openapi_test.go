package api

import (
	"encoding/json"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func dialTCP(a net.Addr) (net.Conn, error) { return net.Dial(a.Network(), a.String()) }

// operation is what the test reads of one in the document.
type operation struct {
	OperationID string
	Summary     string
	Security    *[]any
	Parameters  []map[string]any
	Responses   map[string]any
	RequestBody map[string]any
}

type document struct {
	OpenAPI    string
	Paths      map[string]map[string]operation
	Components map[string]map[string]map[string]any
}

func openDocument(t *testing.T) *document {
	t.Helper()
	var d document
	if err := json.Unmarshal(OpenAPI(), &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

// The document has every route and nothing else, with its parameters and with
// a key where one is needed.
func TestOpenAPIMatchesRoutes(t *testing.T) {
	d := openDocument(t)
	if !strings.HasPrefix(d.OpenAPI, "3.1.") {
		t.Errorf("openapi %s", d.OpenAPI)
	}
	r := newRig(t, nil)
	documented := 0
	ids := map[string]bool{}
	for _, methods := range d.Paths {
		for _, op := range methods {
			documented++
			if ids[op.OperationID] || op.OperationID == "" || op.Summary == "" {
				t.Errorf("operation %q: twice, or without a name", op.OperationID)
			}
			ids[op.OperationID] = true
		}
	}
	if documented != len(r.api.routes) {
		t.Errorf("%d operations, %d routes", documented, len(r.api.routes))
	}
	for _, route := range r.api.routes {
		op, ok := d.Paths[strings.ReplaceAll(route.pattern, "...}", "}")][strings.ToLower(route.method)]
		if !ok {
			t.Errorf("%s %s is not in the document", route.method, route.pattern)
			continue
		}
		if (op.Security != nil && len(*op.Security) == 0) != route.open {
			t.Errorf("%s %s: security %v", route.method, route.pattern, op.Security)
		}
		if _, ok := op.Responses["401"]; ok == route.open {
			t.Errorf("%s %s: 401 is documented: %t", route.method, route.pattern, ok)
		}
		if (op.RequestBody != nil) != (route.method == "POST") {
			t.Errorf("%s %s: body", route.method, route.pattern)
		}
		var query, path []string
		for _, p := range op.Parameters {
			if ref, ok := p["$ref"].(string); ok {
				p = d.Components["parameters"][strings.TrimPrefix(ref, "#/components/parameters/")]
			}
			switch p["in"] {
			case "query":
				query = append(query, p["name"].(string))
			case "path":
				path = append(path, p["name"].(string))
			}
		}
		known := slices.Clone(route.query)
		slices.Sort(query)
		slices.Sort(known)
		if !slices.Equal(query, known) {
			t.Errorf("%s %s: the document has the query %q, the route %q", route.method, route.pattern, query, known)
		}
		for _, name := range path {
			if !strings.Contains(route.pattern, "{"+name) {
				t.Errorf("%s %s: no %s in the path", route.method, route.pattern, name)
			}
		}
		if strings.Count(route.pattern, "{") != len(path) {
			t.Errorf("%s %s: path parameters %q", route.method, route.pattern, path)
		}
	}
}

// Every reference leads somewhere and every component is used.
func TestOpenAPIReferences(t *testing.T) {
	d := openDocument(t)
	var tree any
	if err := json.Unmarshal(OpenAPI(), &tree); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				used[ref] = true
			}
			for _, child := range v {
				walk(child)
			}
		case []any:
			for _, child := range v {
				walk(child)
			}
		}
	}
	walk(tree)
	for kind, list := range d.Components {
		for name := range list {
			ref := "#/components/" + kind + "/" + name
			if !used[ref] && kind != "securitySchemes" {
				t.Errorf("%s is not used", ref)
			}
			delete(used, ref)
		}
	}
	for ref := range used {
		t.Errorf("%s leads nowhere", ref)
	}
}

// What is answered has the members that the document demands, and no others.
func TestAnswersMatchOpenAPI(t *testing.T) {
	d := openDocument(t)
	r := newRig(t, nil)
	s, _ := r.open("alice", "a", "room:a")
	r.open("bob", "a")
	check := func(schema string, v any) {
		t.Helper()
		object, ok := v.(map[string]any)
		if !ok {
			t.Fatalf("%s: %v", schema, v)
		}
		described := d.Components["schemas"][schema]
		properties := described["properties"].(map[string]any)
		for name := range object {
			if properties[name] == nil {
				t.Errorf("%s does not describe %s", schema, name)
			}
		}
		for _, name := range described["required"].([]any) {
			if _, ok := object[name.(string)]; !ok {
				t.Errorf("%s: no %s in %v", schema, name, object)
			}
		}
	}
	user := want(t, r.call("GET", "/api/users/alice", ""), 200, "")
	check("User", user)
	check("Session", user["sessions"].([]any)[0])
	check("SessionPage", want(t, r.call("GET", "/api/sessions?limit=1", ""), 200, "next"))
	check("SubscriberPage", want(t, r.call("GET", "/api/channels/a/subscribers?limit=1", ""), 200, "next"))
	check("Receipt", want(t, r.call("POST", "/api/broadcast", "1"), 200, ""))
	check("Receipt", want(t, r.call("POST", "/api/channels/room:a/messages?wait=delivered&timeout=1ns", "1"), 200, `"acknowledged":false`))
	history := want(t, r.call("GET", "/api/channels/room:a/history?since=old-1", ""), 200, `"restarted"`)
	check("HistoryPage", history)
	check("Gap", history["gap"])
	check("Message", history["messages"].([]any)[0])
	presence := want(t, r.call("GET", "/api/channels/room:a/presence", ""), 200, "")
	check("Presence", presence)
	check("Member", presence["members"].([]any)[0])
	check("Disconnected", want(t, r.call("DELETE", "/api/sessions/"+s.ID(), ""), 200, ""))
	check("Status", want(t, r.call("GET", "/healthz", ""), 200, ""))
	check("Problem", want(t, r.call("GET", "/api/none", ""), 404, ""))
	for line := range strings.Lines(r.call("POST", "/api/batch", "{\"all\":true}\nx\n").Body.String()) {
		var v any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		check("BatchResult", v)
	}
}

// Served as it is embedded.
func TestOpenAPIServed(t *testing.T) {
	r := newRig(t, nil)
	w := r.call("GET", "/api/openapi.json", "", "Authorization", "")
	if w.Code != 200 || w.Body.String() != string(OpenAPI()) || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	w = r.call("HEAD", "/api/openapi.json", "")
	if w.Code != 200 || w.Body.Len() > 0 || w.Header().Get("Content-Length") != strconv.Itoa(len(OpenAPI())) {
		t.Errorf("HEAD: %d %v, %d bytes", w.Code, w.Header(), w.Body.Len())
	}
}
