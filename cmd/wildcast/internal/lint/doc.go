// Package lint finds what wildcast would not understand in files of Kubernetes objects, before anybody applies them.
//
// It reads files as kubectl does (read.go), knows at which line each key stands (document.go), and has the controllers'
// own parsers and judgments look at what it has read (check.go): there is no second opinion on what is right.
package lint
