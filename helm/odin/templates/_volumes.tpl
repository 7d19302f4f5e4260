{{/* Volumes and mounts of a pod: a YAML object with the lists `volumes` and `mounts`. Takes `root` and `part`. */}}
{{- define "odin.volumes" -}}
{{- $values := .root.Values }}
{{- $servesRest := ne .part "operator" -}}
volumes:
  - name: tmp
    emptyDir: {sizeLimit: 1Gi}
  {{- if eq $values.store.kind "embedded" }}
  - name: store
    {{- if $values.store.embedded.persistent }}
    persistentVolumeClaim: {claimName: {{ include "odin.storeClaim" .root }}}
    {{- else }}
    emptyDir: {}
    {{- end }}
  {{- end }}
  {{- if and (eq $values.store.kind "postgres") $values.store.postgres.existingSecret }}
  - name: postgres
    secret: {secretName: {{ $values.store.postgres.existingSecret }}}
  {{- end }}
  {{- if $values.store.logs.url }}
  - name: bucket
    secret: {secretName: {{ $values.store.logs.existingSecret }}}
  {{- end }}
  {{- with $values.sharedVolume.existingClaim }}
  - name: shared
    persistentVolumeClaim: {claimName: {{ . }}}
  {{- end }}
  {{- if $servesRest }}
  {{- if not $values.sharedVolume.existingClaim }}
  - name: jobs
    {{- if $values.jobs.persistent }}
    persistentVolumeClaim: {claimName: {{ include "odin.jobsClaim" .root }}}
    {{- else }}
    emptyDir: {}
    {{- end }}
  {{- end }}
  {{- with $values.jobs.git.sshSecret }}
  - name: git-ssh
    secret: {secretName: {{ . }}, defaultMode: 0440}
  - name: git-config
    configMap: {name: {{ include "odin.fullname" $.root }}-git}
  {{- end }}
  {{- with $values.api.tls.existingSecret }}
  - name: tls
    secret: {secretName: {{ . }}}
  {{- end }}
  {{- end }}
mounts:
  - {name: tmp, mountPath: /tmp}
  {{- if eq $values.store.kind "embedded" }}
  - {name: store, mountPath: /var/lib/odin}
  {{- end }}
  {{- if and (eq $values.store.kind "postgres") $values.store.postgres.existingSecret }}
  - {name: postgres, mountPath: /etc/odin/postgres, readOnly: true}
  {{- end }}
  {{- if $values.store.logs.url }}
  - {name: bucket, mountPath: /etc/odin/bucket, readOnly: true}
  {{- end }}
  {{- if $values.sharedVolume.existingClaim }}
  - {name: shared, mountPath: {{ $values.sharedVolume.mountPath }}}
  {{- end }}
  {{- if $servesRest }}
  {{- if not $values.sharedVolume.existingClaim }}
  - {name: jobs, mountPath: /var/lib/odin-jobs}
  {{- end }}
  {{- if $values.jobs.git.sshSecret }}
  - {name: git-ssh, mountPath: /etc/odin/git-ssh, readOnly: true}
  - {name: git-config, mountPath: /etc/odin/config/git, readOnly: true}
  {{- end }}
  {{- if $values.api.tls.existingSecret }}
  - {name: tls, mountPath: /etc/odin/tls, readOnly: true}
  {{- end }}
  {{- end }}
{{- end -}}
