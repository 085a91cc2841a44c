import { z } from 'zod';
import { applyTodoDocument, readTodoDocument } from '../../db/operations/todolists.ts';
import { id } from '../../resources/fields.ts';
import { operation } from '../operation.ts';

const document = z
  .strictObject({
    content: z.string().describe('The list as Markdown'),
    version: z.string().describe('The state of the list that `content` is or was made from'),
  })
  .meta({ id: 'TodoList' });
const ofSession = {
  tag: 'sessions',
  path: '/sessions/{sid}/todolist',
  params: z.strictObject({ sid: id.describe('The id of the session') }),
} as const;

/** Reads the todo list of a session. */
export const readTodoList = operation({
  ...ofSession,
  method: 'GET',
  id: 'getTodoList',
  summary: 'Get the todo list of a session as Markdown, with the version for an edit',
  answers: { 200: { description: 'The list', schema: document } },
  work: async (db, { params }) => ({ body: await readTodoDocument(db, params.sid) }),
});

/** Applies an edited todo list. */
export const editTodoList = operation({
  ...ofSession,
  method: 'PUT',
  id: 'editTodoList',
  summary: 'Apply an edited todo list',
  description:
    'Keep the marks of todos that stay. An edit of an outdated version is rejected (409).',
  body: document,
  answers: { 200: { description: 'The list as it is now', schema: document } },
  work: async (db, { params, body }) => ({ body: await applyTodoDocument(db, params.sid, body) }),
});
