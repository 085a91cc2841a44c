-- Manifests of Kubernetes. The parameters are checked first, so that a model gets a message about
-- each value that a cluster would refuse.

create function platform.refuse_unless(is_fit boolean, message text) returns void
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  if is_fit is not true then
    raise exception using errcode = 'invalid_parameter_value', message = refuse_unless.message;
  end if;
end $$;

create function platform.kubernetes_manifest(
  name text, image text, port int, namespace text default 'default', replicas int default 2, host text default null,
  environment jsonb default '{}', health_path text default '/healthz', cpu text default '100m', memory text default '128Mi'
) returns text
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_label constant text := '^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$';
  v_labels json := json_build_object('app.kubernetes.io/name', name);
  v_environment json;
begin
  perform platform.refuse_unless(name ~ v_label, 'name must be 1 to 63 characters of a-z, 0-9 and -, and start with a letter'),
    platform.refuse_unless(namespace ~ v_label, 'namespace must be 1 to 63 characters of a-z, 0-9 and -, and start with a letter'),
    platform.refuse_unless(image ~ '^[a-z0-9][a-zA-Z0-9._/:-]*(:[\w][\w.-]{0,127}|@sha256:[0-9a-f]{64})$' and image !~ ':latest$',
      'image must name a digest, or a tag that is not latest, such as registry.example/team/app:1.4.2'),
    platform.refuse_unless(port between 1 and 65535, 'port must be from 1 to 65535'),
    platform.refuse_unless(replicas between 0 and 1000, 'replicas must be from 0 to 1000'),
    platform.refuse_unless(host is null or host ~ '^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$',
      'host must be a DNS name, such as app.example.org'),
    platform.refuse_unless(health_path ~ '^/[A-Za-z0-9._~/-]*$', 'health_path must be a path, such as /healthz'),
    platform.refuse_unless(cpu ~ '^[0-9]+(\.[0-9]+)?m?$', 'cpu must be a quantity, such as 250m or 1.5'),
    platform.refuse_unless(memory ~ '^[0-9]+(Ki|Mi|Gi|Ti|k|M|G|T)?$', 'memory must be a quantity, such as 256Mi'),
    platform.refuse_unless(jsonb_typeof(environment) = 'object' and not exists (
      select from jsonb_each(environment) as e
      where e.key !~ '^[A-Za-z_][A-Za-z0-9_]*$' or jsonb_typeof(e.value) not in ('string', 'number', 'boolean')),
      'environment must be an object of values by variable, such as {"LOG_LEVEL": "info"}; put keys into a Secret of the cluster'),
    platform.refuse_unless(not exists (
      select from jsonb_each(environment) as e where e.key ~* '(password|passwd|secret|token|api_?key|credential)'),
      'environment contains a key: create a Secret in the cluster, and refer to it there');
  select coalesce(json_agg(json_build_object('name', e.key, 'value', e.value) order by e.key), '[]') into v_environment
  from jsonb_each_text(environment) as e;
  return concat_ws(E'\n---\n',
    platform.as_yaml(json_build_object(
      'apiVersion', 'apps/v1', 'kind', 'Deployment',
      'metadata', json_build_object('name', name, 'namespace', namespace, 'labels', v_labels),
      'spec', json_build_object(
        'replicas', replicas,
        'selector', json_build_object('matchLabels', v_labels),
        'template', json_build_object(
          'metadata', json_build_object('labels', v_labels),
          'spec', json_build_object(
            'automountServiceAccountToken', false,
            'securityContext', json_build_object('runAsNonRoot', true, 'seccompProfile', json_build_object('type', 'RuntimeDefault')),
            'containers', json_build_array(json_build_object(
              'name', name, 'image', image,
              'ports', json_build_array(json_build_object('name', 'http', 'containerPort', port)),
              'env', v_environment,
              'readinessProbe', json_build_object('httpGet', json_build_object('path', health_path, 'port', 'http')),
              'livenessProbe', json_build_object('httpGet', json_build_object('path', health_path, 'port', 'http'),
                'initialDelaySeconds', 10),
              'resources', json_build_object(
                'requests', json_build_object('cpu', cpu, 'memory', memory), 'limits', json_build_object('memory', memory)),
              'securityContext', json_build_object('allowPrivilegeEscalation', false, 'readOnlyRootFilesystem', true,
                'capabilities', json_build_object('drop', json_build_array('ALL')))
            ))))))),
    platform.as_yaml(json_build_object(
      'apiVersion', 'v1', 'kind', 'Service',
      'metadata', json_build_object('name', name, 'namespace', namespace, 'labels', v_labels),
      'spec', json_build_object('selector', v_labels,
        'ports', json_build_array(json_build_object('name', 'http', 'port', 80, 'targetPort', 'http'))))),
    case when host is not null then platform.as_yaml(json_build_object(
      'apiVersion', 'networking.k8s.io/v1', 'kind', 'Ingress',
      'metadata', json_build_object('name', name, 'namespace', namespace, 'labels', v_labels),
      'spec', json_build_object(
        'tls', json_build_array(json_build_object('hosts', json_build_array(host), 'secretName', name || '-tls')),
        'rules', json_build_array(json_build_object('host', host, 'http', json_build_object('paths', json_build_array(
          json_build_object('path', '/', 'pathType', 'Prefix', 'backend', json_build_object('service',
            json_build_object('name', name, 'port', json_build_object('name', 'http')))))))))
    )) end
  ) || E'\n';
end $$;
comment on function platform.kubernetes_manifest is
  'Returns Kubernetes manifests as YAML for a file: a Deployment (not root, read-only, with probes and limits), a Service on port 80 and, with a host, an Ingress with TLS. Sends nothing to a cluster. environment: variables by name, without keys.';
