-- Compares two evaluations of one data set. Rows are read with the privileges of the caller.
create or replace function howdah.compare_evaluations(a uuid, b uuid) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_a howdah.evaluations := howdah_private.evaluation_by_id(compare_evaluations.a, 'a');
  v_b howdah.evaluations := howdah_private.evaluation_by_id(compare_evaluations.b, 'b');
  v_is_paired boolean := v_a.since_at is null and v_b.since_at is null;
  v_figures jsonb;
begin
  if v_a.dataset_id <> v_b.dataset_id then
    raise exception using errcode = 'HWINV',
      message = 'the evaluations are of different data sets',
      detail = jsonb_build_object('field', 'b', 'a', v_a.dataset_id, 'b', v_b.dataset_id)::text,
      hint = 'Compare evaluations of one data set.';
  end if;
  v_figures := case when v_is_paired then howdah_private.compared_items(v_a.id, v_b.id)
    else howdah_private.compared_groups(v_a.id, v_b.id) end;
  return jsonb_build_object(
    'a', jsonb_build_object('id', v_a.id, 'version', v_a.version, 'label', v_a.label,
      'status', v_a.status, 'totals', v_a.totals),
    'b', jsonb_build_object('id', v_b.id, 'version', v_b.version, 'label', v_b.label,
      'status', v_b.status, 'totals', v_b.totals),
    'is_paired', v_is_paired, 'has_equal_items', v_a.items_digest = v_b.items_digest,
    'has_equal_graders', v_a.graders = v_b.graders) || v_figures || jsonb_build_object(
    'slices', howdah_private.compared_slices(v_a.id, v_b.id),
    'regressions', howdah_private.changed_items(v_a.id, v_b.id, 1),
    'improvements', howdah_private.changed_items(v_a.id, v_b.id, -1));
end $$;
comment on function howdah.compare_evaluations(uuid, uuid) is
  'Compares two evaluations of one data set, item by item. If one or both are of live runs, '
  'compares them as two groups (is_paired is false, and items 0). Returns {a, b, is_paired, '
  'has_equal_items, has_equal_graders, items, pass_rate, score, cost, latency_ms, slices, '
  'regressions, improvements}. Each figure has both means, the difference b - a with its 95 % '
  'interval, and a verdict: higher, lower, or inside the noise. regressions and improvements name '
  'items that passed more often before or now, each with a run of both evaluations, at most 100.';
