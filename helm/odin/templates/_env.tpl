{{/* Settings given by their environment variable. */}}
{{- define "odin.settings" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end -}}

{{/* What both parts are told. */}}
{{- define "odin.commonEnv" -}}
{{- $values := .Values -}}
# Only /tmp can be written to; git and others look for a home.
- name: HOME
  value: /tmp
- name: ODIN_LEASE_NAMESPACE
  value: {{ .Release.Namespace }}
{{- with $values.sharedVolume }}
{{- if .existingClaim }}
- name: ODIN_VOLUME
  value: {{ .mountPath }}
- name: ODIN_VOLUME_CLAIM
  value: {{ .existingClaim }}
{{- end }}
{{- end }}
{{- with $values.store }}
- name: ODIN_STORE
  {{- if eq .kind "embedded" }}
  value: /var/lib/odin/store.db
  {{- else if eq .kind "none" }}
  value: none
  {{- else }}
  {{- $url := .postgres.url }}
  {{- if .postgres.caKey }}
  {{- $url = printf "%s%ssslrootcert=/etc/odin/postgres/%s" $url (ternary "&" "?" (contains "?" $url)) .postgres.caKey }}
  {{- end }}
  value: {{ $url | quote }}
  {{- if .postgres.existingSecret }}
- name: ODIN_STORE_PASSWORD_FILE
  value: /etc/odin/postgres/{{ .postgres.passwordKey }}
  {{- end }}
  {{- end }}
{{- if .logs.url }}
- name: ODIN_LOG_STORE
  value: {{ .logs.url | quote }}
- name: ODIN_LOG_STORE_KEY_ID
  value: {{ .logs.keyId | quote }}
- name: ODIN_LOG_STORE_KEY_FILE
  value: /etc/odin/bucket/{{ .logs.key }}
{{- end }}
{{- end }}
{{- include "odin.settings" $values.settings }}
{{- end -}}

{{- define "odin.operatorEnv" -}}
- name: ODIN_INSTALL_CRDS
  value: "false"
- name: ODIN_IDENTITY
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: ODIN_SHARDS
  value: {{ .Values.operator.shards | quote }}
- name: ODIN_METRICS_LISTEN
  value: 0.0.0.0:9004
{{- with .Values.tasks.serviceAccount }}
- name: ODIN_TASK_SERVICE_ACCOUNT
  value: {{ . }}
{{- end }}
{{- include "odin.settings" .Values.operator.settings }}
{{- end -}}

{{- define "odin.apiEnv" -}}
{{- $secret := include "odin.authSecret" . -}}
- name: ODIN_LISTEN
  value: 0.0.0.0:9003
- name: ODIN_IMAGE
  value: {{ include "odin.image" . }}
{{- with .Values.auth }}
- name: ODIN_ROOT_USER
  value: {{ .rootUser }}
- name: ODIN_ROOT_PASS
  valueFrom:
    secretKeyRef: {name: {{ $secret }}, key: {{ .rootPasswordKey }}}
- name: ODIN_SECRET
  valueFrom:
    secretKeyRef: {name: {{ $secret }}, key: {{ .secretKey }}}
- name: ODIN_SECRET_PREVIOUS
  valueFrom:
    secretKeyRef: {name: {{ $secret }}, key: {{ .previousSecretKey }}, optional: true}
{{- end }}
{{- if .Values.api.tls.existingSecret }}
- name: ODIN_TLS_CERT
  value: /etc/odin/tls/tls.crt
- name: ODIN_TLS_KEY
  value: /etc/odin/tls/tls.key
{{- end }}
{{- if not .Values.sharedVolume.existingClaim }}
- name: ODIN_REPOSITORY
  value: /var/lib/odin-jobs/repository
{{- end }}
{{- with .Values.jobs.git }}
{{- if .remote }}
- name: ODIN_GIT_REMOTE
  value: {{ .remote | quote }}
{{- end }}
{{- if .tokenSecret }}
- name: ODIN_GIT_TOKEN
  valueFrom:
    secretKeyRef: {name: {{ .tokenSecret }}, key: {{ .tokenKey }}}
{{- end }}
{{- if .sshSecret }}
# git reads git/config below it, which says where ssh finds its key.
- name: XDG_CONFIG_HOME
  value: /etc/odin/config
{{- end }}
{{- end }}
{{- with .Values.gpus }}
- name: ODIN_DCGM_VIA
  value: {{ .via }}
{{- if .namespace }}
- name: ODIN_DCGM_NAMESPACE
  value: {{ .namespace }}
{{- end }}
{{- if .authSecret }}
- name: ODIN_DCGM_AUTH_SECRET
  value: {{ .authSecret }}
{{- end }}
{{- end }}
{{- with .Values.clockwork.namespaces }}
- name: CLOCKWORK_NAMESPACES
  value: {{ join "," . | quote }}
{{- end }}
- name: MLBENCH_ENABLED
  value: {{ .Values.mlbench.enabled | quote }}
# In the name of the lease of vesta, too.
- name: MLBENCH_KUBE_RELEASENAME
  value: {{ include "odin.mlbenchRelease" . }}
{{- if .Values.mlbench.enabled }}
- name: MLBENCH_NAMESPACE
  value: {{ include "odin.mlbenchNamespace" . }}
- name: MLBENCH_LISTEN
  value: 0.0.0.0:80
- name: MLBENCH_POD
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: MLBENCH_PRIVILEGED
  value: {{ .Values.mlbench.privileged | quote }}
- name: MLBENCH_CADVISOR
  value: {{ .Values.mlbench.cadvisor | quote }}
{{- if .Values.mlbench.nodeStats }}
- name: MLBENCH_KUBELET_ACCOUNT
  value: {{ include "odin.mlbenchKubeletAccount" . }}
{{- else }}
- name: MLBENCH_SCRAPE_SECONDS
  value: "0"
{{- end }}
{{- end }}
{{- with .Values.vesta }}
- name: VESTA_ENABLED
  value: {{ .enabled | quote }}
{{- if .enabled }}
- name: VESTA_VALID_NETWORK
  value: {{ .validNetwork | quote }}
{{- $vesta := . }}
{{- range $name, $key := dict "VESTA_TOKEN" .tokenKey "VESTA_SLACK_WEBHOOK" .webhookKey "VESTA_SLACK_BOT_TOKEN" .botTokenKey "VESTA_SLACK_SIGNING_SECRET" .signingSecretKey }}
{{- if $vesta.existingSecret }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef: {name: {{ $vesta.existingSecret }}, key: {{ $key }}, optional: true}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- include "odin.settings" .Values.api.settings }}
{{- end -}}
