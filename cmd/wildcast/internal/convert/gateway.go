package convert

import "slices"

// entriesOfListeners are what the listeners of a Gateway ask for, as cert-manager reads them: those with a hostname that end
// TLS with a Secret of the Gateway's namespace. Listeners that share a Secret are one entry.
func entriesOfListeners(listeners []*fields, namespace string) (all []entry) {
	for _, l := range listeners {
		tls := l.sub("tls")
		if mode := tls.text("mode"); len(tls.all) == 0 || mode != "" && mode != "Terminate" {
			continue
		}
		host := l.text("hostname")
		if host == "" {
			l.note(l.at, "wildcast needs a hostname, as cert-manager did")
			continue
		}
		for _, ref := range tls.subs("certificateRefs") {
			if secret := secretOf(ref, namespace); secret != "" {
				all = join(all, entry{secret, ref.path("name"), []string{host}})
			}
		}
	}
	return all
}

// secretOf is the Secret that a listener refers to, empty if it is none that may be put there.
func secretOf(ref *fields, namespace string) string {
	if kind := ref.text("kind"); kind != "" && kind != "Secret" {
		return ""
	}
	switch ref.text("group") {
	case "":
	case "core": // for cert-manager alone
		ref.lost(ref.path("group"), "the group of Secrets has no name in the Gateway API, and wildcast passes this one by: remove it")
	default:
		return ""
	}
	if other := ref.text("namespace"); other != "" && other != namespace {
		ref.note(ref.path("namespace"), "wildcast puts nothing into another namespace for a Gateway, and nor did cert-manager")
		return ""
	}
	return ref.text("name")
}

// join adds an entry, to that for the same Secret if there is one.
func join(all []entry, e entry) []entry {
	i := slices.IndexFunc(all, func(known entry) bool { return known.secret == e.secret })
	if i < 0 {
		return append(all, e)
	}
	all[i].hosts = append(all[i].hosts, e.hosts...)
	return all
}
