package server

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/openline/openline"
)

// Bytes is a size. As text it is a number of bytes, or one with a unit: 64KiB,
// 1MiB, 2GB.
type Bytes int64

var byteUnits = []struct {
	name string
	size float64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"B", 1},
	{"", 1},
}

// UnmarshalText reads a size.
func (b *Bytes) UnmarshalText(text []byte) error {
	s := string(text)
	for _, unit := range byteUnits {
		number, ok := strings.CutSuffix(s, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		n *= unit.size
		if err != nil || n != math.Trunc(n) || math.Abs(n) > 1<<53 {
			break
		}
		*b = Bytes(n)
		return nil
	}
	return fmt.Errorf("%q is not a size such as 65536, 64KiB or 1MiB", s)
}

// Field describes one field of a [Config].
type Field struct {
	// Path is the field's name in a YAML file, "limits.per_user".
	Path string
	// Flag is its flag without the dashes, "limits-per-user".
	Flag string
	// Env is its environment variable, "OPENLINE_LIMITS_PER_USER".
	Env string
	// Help is a sentence or two.
	Help string
	// Placeholder stands for the value in help: "N".
	Placeholder string
	// Default is the default as text, or "" when it is none or depends.
	Default string

	index []int
}

// envPrefix begins every environment variable of Openline.
const envPrefix = "OPENLINE_"

// Fields returns every field that can be set from a file, the environment or a
// flag, in the order of [Config].
func Fields() []Field { return appendFields(nil, reflect.TypeFor[Config](), "", nil) }

func appendFields(fields []Field, t reflect.Type, parent string, index []int) []Field {
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("yaml")
		if name == "-" {
			continue
		}
		at := append(append([]int(nil), index...), i)
		if f.Type.Kind() == reflect.Struct {
			fields = appendFields(fields, f.Type, parent+name+".", at)
			continue
		}
		path := parent + name
		fields = append(fields, Field{
			Path:        path,
			Flag:        strings.NewReplacer(".", "-", "_", "-").Replace(path),
			Env:         envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_")),
			Help:        f.Tag.Get("help"),
			Placeholder: f.Tag.Get("placeholder"),
			Default:     f.Tag.Get("default"),
			index:       at,
		})
	}
	return fields
}

// List reports whether the field holds a list; as one text it is separated by
// commas.
func (f *Field) List() bool {
	return reflect.TypeFor[Config]().FieldByIndex(f.index).Type.Kind() == reflect.Slice
}

// Switch reports whether the field is true or false; as a flag it needs no value
// then.
func (f *Field) Switch() bool {
	return reflect.TypeFor[Config]().FieldByIndex(f.index).Type.Kind() == reflect.Bool
}

// Set sets the field of c from text. The error does not name the field, nor
// does it repeat the text of a secret.
func (f *Field) Set(c *Config, text string) error {
	return setText(reflect.ValueOf(c).Elem().FieldByIndex(f.index).Addr().Interface(), text)
}

// setText sets what target points to from text.
func setText(target any, text string) error {
	switch target := target.(type) {
	case *string:
		*target = text
	case *[]string:
		list := []string{}
		for entry := range strings.SplitSeq(text, ",") {
			if entry = strings.TrimSpace(entry); entry != "" {
				list = append(list, entry)
			}
		}
		*target = list
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is not a duration such as 500ms, 30s or 5m", text)
		}
		*target = d
	case *bool:
		on, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		*target = on
	case *int:
		n, err := strconv.ParseInt(text, 0, strconv.IntSize)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		*target = int(n)
	case *float64:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return fmt.Errorf("%q is not a number", text)
		}
		*target = n
	case *Bytes:
		return target.UnmarshalText([]byte(text))
	case *openline.Rule:
		return setWord(target, ruleWords, text)
	case *openline.SlowPolicy:
		return setWord(target, slowWords, text)
	case *map[string]NamespaceConfig:
		namespaces, err := parseNamespaces(text)
		if err != nil {
			return err
		}
		*target = namespaces
	default:
		panic(fmt.Sprintf("server: a field of Config has type %T", target))
	}
	return nil
}

// setList sets a list field from its elements.
func (f *Field) setList(c *Config, list []string) {
	reflect.ValueOf(c).Elem().FieldByIndex(f.index).Set(reflect.ValueOf(list))
}
