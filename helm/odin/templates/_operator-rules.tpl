{{/* What the operator may do where the Pipelines are. */}}
{{- define "odin.operatorRules" -}}
# What is to be run.
- apiGroups: [odin.io]
  resources: [jobs]
  verbs: [get, list, watch]
# The runs; one whose time to live is over is deleted.
- apiGroups: [odin.io]
  resources: [pipelines]
  verbs: [get, list, watch, delete]
# How far a run is, and whether a Job can be run.
- apiGroups: [odin.io]
  resources: [jobs/status, pipelines/status]
  verbs: [patch]
# Tasks.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, delete]
# Logs of ended tasks, before their pods go.
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
# Snapshots of what runs are made of: one for each version, touched when it is used, deleted when no run needs it. What tasks mount is read.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, patch, delete]
# Why a pod waits is read; what happens to a run is told.
- apiGroups: [""]
  resources: [events]
  verbs: [list, watch, create]
# Whether a Secret that a task mounts may be mounted by tasks; names alone do not say.
- apiGroups: [""]
  resources: [secrets]
  {{- with .Values.tasks.secrets }}
  resourceNames: [{{ join ", " (concat (list "odin-cred" "ssh-key") . | uniq) }}]
  {{- end }}
  verbs: [get]
# Tasks of the kind Job.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
{{- $facts := .Files.Get "files/task-kinds.yaml" | fromYaml }}
{{- $seen := dict }}
{{- range $kind := .Values.tasks.kinds }}
{{- range get $facts $kind }}
{{- $id := printf "%s.%s" .plural .group }}
{{- if not (hasKey $seen $id) }}
{{- $_ := set $seen $id true }}
# Tasks of the kind {{ $kind }}.
- apiGroups: [{{ .group }}]
  resources: [{{ .plural }}]
  verbs: [get, list, watch, create, delete]
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
