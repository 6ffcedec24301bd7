{{/*
wildcast.objects is {items: [...]} of a file of the manifests, in JSON: its objects, with the release's namespace for the
home namespace, in commands of texts too. It takes the root and the file.
*/}}
{{- define "wildcast.objects" -}}
{{- $root := first . }}
{{- $file := last . }}
{{- $text := $root.Files.Get $file | required (printf "the chart lacks %s: package the whole folder" $file) }}
{{- $text = replace "kubectl -n cert-manager " (printf "kubectl -n %s " $root.Release.Namespace) $text }}
{{- $items := list }}
{{- range splitList "\n---\n" $text }}
  {{- $object := fromYaml . }}
  {{- if $object.Error }}
    {{- fail (printf "%s: %s" $file $object.Error) }}
  {{- end }}
  {{- if $object.metadata.namespace }}
    {{- $_ := set $object.metadata "namespace" $root.Release.Namespace }}
  {{- end }}
  {{- range $object.subjects }}
    {{- $_ := set . "namespace" $root.Release.Namespace }}
  {{- end }}
  {{- $items = append $items $object }}
{{- end }}
{{- toJson (dict "items" $items) }}
{{- end }}

{{/* wildcast.print is an object as a document. */}}
{{- define "wildcast.print" }}
---
{{ toYaml . }}
{{- end }}

{{/*
wildcast.ports is {items: [...]} of the container's ports, in JSON: those of base, and what the flags say. A flag
NAME-address moves the port NAME, adds it, or takes it away.
*/}}
{{- define "wildcast.ports" -}}
{{- $deployment := (include "wildcast.objects" (list . "base/deployment.yaml") | fromJson).items | first }}
{{- $addresses := dict }}
{{- range $flag, $address := .Values.flags }}
  {{- if hasSuffix "-address" $flag }}
    {{- $_ := set $addresses (trimSuffix "-address" $flag) (toString $address) }}
  {{- end }}
{{- end }}
{{- $ports := list }}
{{- range (first $deployment.spec.template.spec.containers).ports }}
  {{- if not (hasKey $addresses .name) }}
    {{- $ports = append $ports . }}
  {{- end }}
{{- end }}
{{- range $name, $address := $addresses }}
  {{- if has $address (list "0" "") | not }}
    {{- $ports = append $ports (dict "name" $name "containerPort" (regexFind "[0-9]+$" $address | int)) }}
  {{- end }}
{{- end }}
{{- toJson (dict "items" $ports) }}
{{- end }}

{{/* wildcast.portNames are the names of these ports, with a space before and after each. */}}
{{- define "wildcast.portNames" }}
  {{- range (include "wildcast.ports" . | fromJson).items }} {{ .name }} {{ end }}
{{- end }}

{{/* wildcast.alone is not empty if the flag leader-elect is false: without the Lease there is one replica at most. */}}
{{- define "wildcast.alone" -}}
{{- if eq (get .Values.flags "leader-elect" | toString) "false" }}alone{{ end }}
{{- end }}

{{/*
wildcast.check refuses values that do not go together, as wildcast would in the Pods. What is wrong with a single one the
schema says.
*/}}
{{- define "wildcast.check" }}
{{- $flags := .Values.flags }}
{{- if and (include "wildcast.alone" .) (gt (int .Values.replicas) 1) }}
  {{- fail "flags.leader-elect: false takes replicas: 1, since nothing else keeps two from working at once" }}
{{- end }}
{{- $file := get $flags "contexts-kubeconfig" }}
{{- $secret := .Values.contexts.secretName }}
{{- if and $file $secret }}
  {{- fail "contexts.secretName and flags.contexts-kubeconfig name two kubeconfigs: give one of them" }}
{{- end }}
{{- if and (or $file $secret) (has (get $flags "cluster-name") (list "" "kubernetes")) }}
  {{- fail (printf "%s takes flags.cluster-name too: give this cluster a name that no other has" (ternary "contexts.secretName" "flags.contexts-kubeconfig" (not (empty $secret)))) }}
{{- end }}
{{- with get $flags "source-namespaces" }}
  {{- if not (has $.Release.Namespace .) }}
    {{- fail (printf "flags.source-namespaces lacks %s, the release's namespace, where the certificates are that should be copied: add it" $.Release.Namespace) }}
  {{- end }}
  {{- range $namespace := . }}
    {{- if and $flags.namespaces (not (has $namespace (append $flags.namespaces $.Release.Namespace))) }}
      {{- fail (printf "flags.source-namespaces has %s, which wildcast does not see: add it to flags.namespaces too" $namespace) }}
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}

{{/* wildcast.flag is the value of a flag as text. */}}
{{- define "wildcast.flag" -}}
{{- if kindIs "slice" . }}{{ join "," . }}{{ else if kindIs "string" . }}{{ . }}{{ else }}{{ toJson . }}{{ end }}
{{- end }}
