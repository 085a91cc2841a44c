-- Pipelines that test a repository at each push.

create function platform.ci_workflow(
  provider text, language text, version text default null, branch text default 'main', install text default null, test text default null
) returns json
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_known record;
  v_install text;
  v_test text;
  v_version text;
begin
  select k.* into v_known
  from (values
    ('node', '24', 'npm ci', 'npm test', 'actions/setup-node@v4', 'node-version', 'node:%s'),
    ('python', '3.13', 'python -m pip install -r requirements.txt', 'python -m pytest', 'actions/setup-python@v5', 'python-version', 'python:%s'),
    ('go', '1.25', 'go build ./...', 'go test ./...', 'actions/setup-go@v5', 'go-version', 'golang:%s')
  ) as k (language, version, install, test, action, input, image)
  where k.language = lower(ci_workflow.language);
  perform platform.refuse_unless(v_known.language is not null, 'language must be node, python or go'),
    platform.refuse_unless(provider in ('github', 'gitlab'), 'provider must be github or gitlab'),
    platform.refuse_unless(coalesce(version, '1') ~ '^[0-9]+(\.[0-9]+)*$', 'version must be a number, such as 24 or 3.13'),
    platform.refuse_unless(branch ~ '^[A-Za-z0-9._/-]+$', 'branch must be the name of a branch, such as main');
  v_version := coalesce(version, v_known.version);
  v_install := coalesce(install, v_known.install);
  v_test := coalesce(test, v_known.test);
  if provider = 'gitlab' then
    return json_build_object('path', '.gitlab-ci.yml', 'content', platform.as_yaml(json_build_object(
      'stages', json_build_array('test'),
      'test', json_build_object(
        'stage', 'test', 'image', format(v_known.image, v_version), 'timeout', '20 minutes',
        'rules', json_build_array(
          json_build_object('if', '$CI_PIPELINE_SOURCE == "merge_request_event"'),
          json_build_object('if', format('$CI_COMMIT_BRANCH == "%s"', branch))),
        'script', json_build_array(v_install, v_test)))) || E'\n');
  end if;
  return json_build_object('path', '.github/workflows/ci.yml', 'content', platform.as_yaml(json_build_object(
    'name', 'CI',
    'on', json_build_object('push', json_build_object('branches', json_build_array(branch)), 'pull_request', json_build_object()),
    'permissions', json_build_object('contents', 'read'),
    'jobs', json_build_object('test', json_build_object(
      'runs-on', 'ubuntu-latest', 'timeout-minutes', 20,
      'steps', json_build_array(
        json_build_object('uses', 'actions/checkout@v4'),
        json_build_object('uses', v_known.action, 'with', json_build_object(v_known.input, v_version)),
        json_build_object('run', v_install),
        json_build_object('run', v_test)))))) || E'\n');
end $$;
comment on function platform.ci_workflow is
  'Returns a CI pipeline as {path, content}: a file that tests each push and each pull or merge request. provider: github (Actions) or gitlab; language: node, python or go; version, install and test only if they differ from the default.';
