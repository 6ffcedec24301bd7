// Package sidecar keeps Secrets as files in a folder, for a process that reads files, and has that process reload them.
//
//	tls/web/..2026_11_22_11_43_34.2841/tls.crt    a version; what is in one never changes
//	tls/web/..data -> ..2026_11_22_11_43_34.2841  the version in service
//	tls/web/..previous -> ..2026_08_24_...        the one before it, while the new one is on trial
//	tls/web/tls.crt -> ..data/tls.crt             what the process reads
//	tls/..reload                                  there while a reload is due
//
// It is the layout of the volumes that kubelet makes of Secrets, and a version goes into service as one there does: by the
// rename of a symbolic link. Whoever opens files of one version reads no other's.
//
// What is in the folder is all the state there is. A version on trial, which a check may yet refuse, is told by ..previous:
// a process that was killed meanwhile finds it when it starts, and puts the old version back. ..reload is made before the
// trial is over, so that no reload is lost either.
//
// files.go decides what the files of a Secret are, and refuses what no server could use; folder.go writes them; trial.go
// puts them in service; keeper.go looks at all of it whenever a Secret has changed.
package sidecar
