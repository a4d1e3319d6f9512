package facts

import "reflect"

// Mask puts every text that may quote a job line through f: secrets in job
// lines stay in the archive and are not shown.
func (f *Facts) Mask(mask func(string) string) {
	for i := range f.Jobs {
		j := &f.Jobs[i]
		j.Command = mask(j.Command)
		for k, v := range j.Environment {
			if masked := mask(k + "=" + v); masked != k+"="+v {
				j.Environment[k] = masked[min(len(k)+1, len(masked)):]
			}
		}
		for n := range j.Evidence {
			j.Evidence[n].Text = mask(j.Evidence[n].Text)
		}
		for n := range j.Signs {
			j.Signs[n].Message = mask(j.Signs[n].Message)
		}
	}
	for i := range f.Expected {
		for n := range f.Expected[i].Evidence {
			f.Expected[i].Evidence[n].Text = mask(f.Expected[i].Evidence[n].Text)
		}
	}
	for i := range f.Tables {
		for n := range f.Tables[i].Evidence {
			f.Tables[i].Evidence[n].Text = mask(f.Tables[i].Evidence[n].Text)
		}
	}
}

// Map puts every string of the facts through f, map keys included. It is the
// way of facts to a reader: the host wrote most of them.
func (f *Facts) Map(change func(string) string) { mapStrings(reflect.ValueOf(f).Elem(), change) }

func mapStrings(v reflect.Value, change func(string) string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(change(v.String()))
	case reflect.Struct:
		for i := range v.NumField() {
			mapStrings(v.Field(i), change)
		}
	case reflect.Slice:
		for i := range v.Len() {
			mapStrings(v.Index(i), change)
		}
	case reflect.Map:
		if v.IsNil() {
			return
		}
		out := reflect.MakeMapWithSize(v.Type(), v.Len())
		for it := v.MapRange(); it.Next(); {
			key := reflect.New(v.Type().Key()).Elem()
			key.Set(it.Key())
			mapStrings(key, change)
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(it.Value())
			mapStrings(value, change)
			out.SetMapIndex(key, value)
		}
		v.Set(out)
	}
}
