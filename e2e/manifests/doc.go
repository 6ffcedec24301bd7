// Package manifests is the suite of the manifests that users apply: the API server takes every field of
// them, admits the Pods into the namespace's restricted Pod Security, and grants wildcast's ServiceAccount
// what its role lists and nothing else.
package manifests
