-- What a version says of a model's eyes: `images` where it is shown images that tools bring, and nothing where it is not. Whoever writes an
-- input knows his model; what a tool brings, nobody has chosen, and a model without eyes would refuse the whole request.
create or replace function howdah_private.shown_to_model(capabilities jsonb) returns jsonb
  language sql immutable
  return case when shown_to_model.capabilities @> '{"images": true}' then '{"images": true}' else '{}' end::jsonb;
