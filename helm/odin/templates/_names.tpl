{{/* What the names of all objects begin with; short enough for what is put behind it. */}}
{{- define "odin.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* A name for objects of the whole cluster, where the namespace must be a part of it. */}}
{{- define "odin.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "odin.fullname" .) -}}
{{- end -}}

{{/* Never odin alone: Kubernetes would put ODIN_PORT into the pods of tasks, where the clients take it for their own setting. */}}
{{- define "odin.service" -}}
{{- printf "%s-http" (include "odin.fullname" .) -}}
{{- end -}}

{{- define "odin.selectorLabels" -}}
app.kubernetes.io/name: odin
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "odin.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "odin.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "odin.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The account of the operator. */}}
{{- define "odin.operatorAccount" -}}
{{- with .Values.operator.serviceAccount -}}
{{- if .name -}}{{ .name }}{{- else -}}{{ include "odin.fullname" $ }}-operator{{- end -}}
{{- end -}}
{{- end -}}

{{/* The account of the API; one process has one account. */}}
{{- define "odin.apiAccount" -}}
{{- if .Values.combined -}}
{{- include "odin.operatorAccount" . -}}
{{- else -}}
{{- with .Values.api.serviceAccount -}}
{{- if .name -}}{{ .name }}{{- else -}}{{ include "odin.fullname" $ }}-api{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "odin.authSecret" -}}
{{- default (printf "%s-auth" (include "odin.fullname" .)) .Values.auth.existingSecret -}}
{{- end -}}

{{- define "odin.storeClaim" -}}
{{- default (printf "%s-store" (include "odin.fullname" .)) .Values.store.embedded.existingClaim -}}
{{- end -}}

{{- define "odin.jobsClaim" -}}
{{- default (printf "%s-jobs" (include "odin.fullname" .)) .Values.jobs.existingClaim -}}
{{- end -}}

{{/* "true" where several pods share the file of the embedded store, and so must be on one node. */}}
{{- define "odin.onOneNode" -}}
{{- if and (eq .Values.store.kind "embedded") (not .Values.combined) -}}true{{- end -}}
{{- end -}}

{{/* Kept when the release is uninstalled, if that is wanted. */}}
{{- define "odin.keepData" -}}
{{- if .Values.keepData }}
helm.sh/resource-policy: keep
{{- end }}
{{- end -}}

{{/* What MLBench's workers say in their label `release`, and their objects in their names. */}}
{{- define "odin.mlbenchRelease" -}}
{{- default .Release.Name .Values.mlbench.release | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "odin.mlbenchNamespace" -}}
{{- default .Release.Namespace .Values.mlbench.namespace -}}
{{- end -}}

{{/* Whose token the kubelets are sent. */}}
{{- define "odin.mlbenchKubeletAccount" -}}
{{- printf "%s-mlbench-kubelets" (include "odin.fullname" .) -}}
{{- end -}}
