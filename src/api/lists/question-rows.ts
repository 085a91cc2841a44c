import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import type { Collection } from '../../db/queries/row-collection.ts';
import { columnList } from '../../resources/column-list.ts';
import { id, json, object, time } from '../../resources/fields.ts';

const text = z.string().nullable();

/** A question to people. */
export const question = z
  .object({
    id,
    kind: z.enum(enumLabels.question_kind),
    status: z.enum(enumLabels.question_status),
    execution_id: id,
    root_execution_id: id,
    session_id: id.nullable(),
    prompt: z.string(),
    options: z.array(z.unknown()).nullable(),
    schema: object.nullable(),
    tool_call: json,
    preview: json.describe('The expected effect of the call, if a dry run was possible'),
    required_role: text,
    answer: text,
    answer_data: json,
    answered_by: text,
    answered_at: time.nullable(),
    expires_at: time.nullable(),
    default_answer: text,
    created_at: time,
  })
  .meta({ id: 'Question' });

export const questions = {
  table: 'questions',
  shown: columnList(question.shape),
  stamp: 't.updated_at',
  isLarge: true,
} as const satisfies Collection;
