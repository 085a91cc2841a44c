import type { Tool } from '@modelcontextprotocol/server';
import { HowdahError } from '../../contracts/errors.ts';
import { answer, findQuestion } from '../../db/mcp/offered-tools.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import type { Caller } from '../caller.ts';
import { UUID } from '../resources/uris.ts';

/** The name of the tool for answers. No tool of an agent has this name. */
export const ANSWER_TOOL = 'answer_question';

/** The tool by which a client that cannot ask people sends an answer. */
export const answerTool: Tool = {
  name: ANSWER_TOOL,
  title: 'Answer a question',
  description:
    'Answers a question that a run waits for, and returns the next answer of the run. Answer an approval with approve or reject, and an effect with done, again or give_up. Only pass on what a person has decided.',
  inputSchema: {
    type: 'object',
    properties: {
      question_id: { type: 'string', description: 'The id of the question.' },
      answer: {
        type: 'string',
        description: 'The answer as a text. If the question has options, one of them.',
      },
      data: {
        description: 'The answer as JSON, if the question has a schema. With reject, the reason.',
      },
    },
    required: ['question_id'],
    additionalProperties: false,
  },
};

/** Answers a question, and returns the id of the run that continues. Throws the errors of SQL. */
export async function answerByTool(caller: Caller, args: JsonObject): Promise<string> {
  const { question_id: id, answer: text = null, data } = args;
  if (typeof id !== 'string' || !UUID.test(id))
    throw invalidArgument('question_id', 'the id of a question');
  if (text !== null && typeof text !== 'string') throw invalidArgument('answer', 'a text');
  return caller.transact(async (client) => {
    const question = await findQuestion(client, id);
    await answer(client, id, text, (data as Json) ?? undefined);
    return question?.root_execution_id ?? id;
  });
}

function invalidArgument(field: string, type: string): HowdahError {
  return new HowdahError('HWINV', `${field} must be ${type}`, {
    hint: `Set ${field}, and call the tool again.`,
    detail: { field },
  });
}
