// Package commands is the suite of wildcast's commands for people: the real program beside the controller, with the rights of
// the shipped ClusterRole wildcast-viewer and no others, and as a plugin of the real kubectl.
package commands
