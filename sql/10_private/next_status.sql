-- Where a commit leaves its run. A run does not wait for a person or a child while something is in its inbox: that may
-- be the very answer. One that was asked to pause pauses where it would have waited; and one that comes to pause when
-- somebody has resumed it meanwhile just goes on.
create or replace function howdah_private.next_status(e howdah.executions, move jsonb)
  returns howdah.execution_status
  language sql stable
  set search_path = ''
as $$
  select case next_status.move ->> 'status'
    when 'waiting' then case
      when e.is_pause_requested then 'paused'
      when e.has_inbox and next_status.move ->> 'waiting_for' in ('question', 'child') then 'queued'
      else 'waiting' end
    when 'paused' then case when e.is_pause_requested then 'paused' else e.status::text end
    else coalesce(next_status.move ->> 'status', e.status::text)
  end::howdah.execution_status
$$;

-- What the tokens of a call cost, by the prices of now. Prices are per million.
create or replace function howdah_private.price(tokens_in int, tokens_out int, m howdah.models) returns numeric
  language sql immutable
  set search_path = ''
as $$
  select trim_scale((
    coalesce(price.tokens_in * m.input_price, 0) + coalesce(price.tokens_out * m.output_price, 0)
  ) / 1000000)
$$;
