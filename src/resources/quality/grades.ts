import { z } from 'zod';
import { id, time } from '../fields.ts';
import { resource } from '../resource.ts';

/** Grades that people give results of evaluations. An operation of its own writes them. */
export const grades = resource('grades', {
  path: '/api/grades',
  one: 'grade',
  isLarge: true,
  writes: [],
  columns: {},
  readOnly: {
    evaluation_id: id,
    evaluation_result_id: id,
    user_id: id.nullable(),
    grader: z.string().nullable(),
    score: z.number(),
    comment: z.string().nullable(),
    created_at: time,
    updated_at: time,
  },
  stamp: 't.updated_at',
  filters: {
    evaluation_id: id.optional(),
    evaluation_result_id: id.optional(),
    user_id: id.optional(),
  },
});
