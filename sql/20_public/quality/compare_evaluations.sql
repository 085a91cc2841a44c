-- Compares two evaluations of one data set. Rows are read with the privileges of the caller.
create or replace function howdah.compare_evaluations(a uuid, b uuid) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_a howdah.evaluations;
  v_b howdah.evaluations;
  v_figures jsonb;
begin
  select e.* into v_a from howdah.evaluations as e where e.id = compare_evaluations.a;
  select e.* into v_b from howdah.evaluations as e where e.id = compare_evaluations.b;
  if v_a.id is null or v_b.id is null then
    raise exception using errcode = 'HWNTF',
      message = format('there is no evaluation %s', case when v_a.id is null
        then compare_evaluations.a else compare_evaluations.b end),
      detail = jsonb_build_object('evaluation_id', case when v_a.id is null
        then compare_evaluations.a else compare_evaluations.b end)::text,
      hint = 'See howdah.evaluations for the evaluations that exist.';
  elsif v_a.dataset_id <> v_b.dataset_id then
    raise exception using errcode = 'HWINV',
      message = 'the evaluations are of different data sets',
      detail = jsonb_build_object('field', 'b', 'a', v_a.dataset_id, 'b', v_b.dataset_id)::text,
      hint = 'Compare evaluations of one data set.';
  end if;
  select jsonb_build_object('items', count(*),
    'pass_rate', howdah_private.compared_figure(array_agg(p.passed_a order by p.item_id),
      array_agg(p.passed_b order by p.item_id)),
    'score', howdah_private.compared_figure(array_agg(p.score_a order by p.item_id),
      array_agg(p.score_b order by p.item_id)),
    'cost', howdah_private.compared_figure(array_agg(p.cost_a order by p.item_id),
      array_agg(p.cost_b order by p.item_id)),
    'latency_ms', howdah_private.compared_figure(array_agg(p.latency_a order by p.item_id),
      array_agg(p.latency_b order by p.item_id)))
  into v_figures from howdah_private.paired_items(v_a.id, v_b.id) as p;
  return jsonb_build_object(
    'a', jsonb_build_object('id', v_a.id, 'version', v_a.version, 'label', v_a.label,
      'status', v_a.status, 'totals', v_a.totals),
    'b', jsonb_build_object('id', v_b.id, 'version', v_b.version, 'label', v_b.label,
      'status', v_b.status, 'totals', v_b.totals),
    'has_equal_items', v_a.items_digest = v_b.items_digest,
    'has_equal_graders', v_a.graders = v_b.graders) || v_figures || jsonb_build_object(
    'slices', howdah_private.compared_slices(v_a.id, v_b.id),
    'regressions', howdah_private.changed_items(v_a.id, v_b.id, 1),
    'improvements', howdah_private.changed_items(v_a.id, v_b.id, -1));
end $$;
comment on function howdah.compare_evaluations(uuid, uuid) is
  'Compares two evaluations of one data set, item by item. Returns {a, b, has_equal_items, '
  'has_equal_graders, items, pass_rate, score, cost, latency_ms, slices, regressions, '
  'improvements}. Each figure has both means, the difference b - a with its 95 % interval, and a '
  'verdict: higher, lower, or inside the noise. regressions and improvements name items that '
  'passed more often before or now, each with a run of both evaluations, at most 100.';
