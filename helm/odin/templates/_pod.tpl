{{/* The template of a pod. Takes `root`, `part` (operator, api or all), `values` of the part, and `account`. */}}
{{- define "odin.pod" -}}
{{- $root := .root }}
{{- $values := .values }}
{{- $part := .part }}
{{- $operates := ne $part "api" }}
{{- $servesRest := ne $part "operator" }}
{{- $https := and $servesRest (ne $root.Values.api.tls.existingSecret "") }}
{{- $volumes := include "odin.volumes" . | fromYaml }}
{{- $metrics := $root.Values.metrics }}
{{- $monitored := ternary $metrics.podMonitor.enabled $metrics.serviceMonitor.enabled $operates }}
{{- $probe := ternary "metrics" "api" (eq $part "operator") -}}
metadata:
  labels:
    {{- /* Not the chart's version: another chart is no reason to replace pods. */}}
    {{- include "odin.selectorLabels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ $part }}
    {{- if include "odin.onOneNode" $root }}
    odin.io/store-of: {{ include "odin.fullname" $root }}
    {{- end }}
    {{- with merge (dict) $values.podLabels $root.Values.commonLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- $annotations := dict }}
  {{- if and $metrics.annotations (not $monitored) }}
  {{- $_ := set $annotations "prometheus.io/scrape" "true" }}
  {{- $_ := set $annotations "prometheus.io/path" "/metrics" }}
  {{- $_ := set $annotations "prometheus.io/port" (ternary "9004" "9003" $operates) }}
  {{- if and $https (not $operates) }}
  {{- $_ := set $annotations "prometheus.io/scheme" "https" }}
  {{- end }}
  {{- end }}
  {{- $annotations = merge (dict) $values.podAnnotations $annotations }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ .account }}
  automountServiceAccountToken: true
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
  securityContext:
    runAsNonRoot: true
    {{- with $root.Values.podSecurity }}
    runAsUser: {{ int64 .runAsUser }}
    runAsGroup: {{ int64 .runAsGroup }}
    fsGroup: {{ int64 .fsGroup }}
    {{- end }}
    # A large volume is not gone through at each start.
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
    {{- if and $servesRest $root.Values.mlbench.enabled }}
    # MLBench's clients know no other port than 80, which nobody but root may take otherwise.
    sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: "80"}]
    {{- end }}
  {{- with $root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  {{- with $values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- $affinity := deepCopy $values.affinity }}
  {{- if include "odin.onOneNode" $root }}
  {{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (dict "odin.io/store-of" (include "odin.fullname" $root))) }}
  {{- $near := default dict $affinity.podAffinity }}
  {{- $required := append (default list (get $near "requiredDuringSchedulingIgnoredDuringExecution")) $term }}
  {{- $_ := set $near "requiredDuringSchedulingIgnoredDuringExecution" $required }}
  {{- $_ := set $affinity "podAffinity" $near }}
  {{- /* The scheduler looks at a waiting pod again when a pod goes that is in the way, not when the last goes that it wanted to be near; after a
  drain all would wait for minutes. No node has this key, so this one keeps no pod off any node, and makes the scheduler look. */}}
  {{- $far := default dict $affinity.podAntiAffinity }}
  {{- $apart := append (default list (get $far "requiredDuringSchedulingIgnoredDuringExecution")) (set (deepCopy $term) "topologyKey" "odin.io/no-node") }}
  {{- $_ := set $far "requiredDuringSchedulingIgnoredDuringExecution" $apart }}
  {{- $_ := set $affinity "podAntiAffinity" $far }}
  {{- end }}
  {{- with $affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if and $values.spread (ne $part "all") (not (include "odin.onOneNode" $root)) }}
  topologySpreadConstraints:
    {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "odin.selectorLabels" $root | nindent 10 }}
          app.kubernetes.io/component: {{ $part }}
    {{- end }}
  {{- end }}
  containers:
    - name: odin
      image: {{ include "odin.image" $root }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: [{{ $part }}]
      env:
        - name: ODIN_NAMESPACE
          value: {{ ternary "*" $root.Release.Namespace (and $root.Values.clusterWide (eq $part "operator")) | quote }}
        {{- include "odin.commonEnv" $root | nindent 8 }}
        {{- if $operates }}
        {{- include "odin.operatorEnv" $root | nindent 8 }}
        {{- end }}
        {{- if $servesRest }}
        {{- include "odin.apiEnv" $root | nindent 8 }}
        {{- end }}
        {{- with $values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        {{- if $servesRest }}
        - {name: api, containerPort: 9003, protocol: TCP}
        {{- if $root.Values.mlbench.enabled }}
        - {name: mlbench, containerPort: 80, protocol: TCP}
        {{- end }}
        {{- end }}
        {{- if $operates }}
        - {name: metrics, containerPort: 9004, protocol: TCP}
        {{- end }}
      # Both answer as soon as the process runs; whether it works is asked by the readiness probe, which ends nothing.
      startupProbe:
        httpGet: {path: /healthz, port: {{ $probe }}, scheme: {{ ternary "HTTPS" "HTTP" $https }}}
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: 60
      livenessProbe:
        httpGet: {path: /healthz, port: {{ $probe }}, scheme: {{ ternary "HTTPS" "HTTP" $https }}}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /readyz, port: {{ $probe }}, scheme: {{ ternary "HTTPS" "HTTP" $https }}}
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      {{- if $servesRest }}
      # Requests go on coming until everybody knows that this pod ends.
      lifecycle:
        preStop:
          sleep: {seconds: 3}
      {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      resources:
        {{- toYaml $values.resources | nindent 8 }}
      volumeMounts:
        {{- toYaml $volumes.mounts | nindent 8 }}
        {{- with $values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    {{- toYaml $volumes.volumes | nindent 4 }}
    {{- with $values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}
