import {
  type CreateMessageRequestParams,
  type InputRequest,
  inputRequired,
} from '@modelcontextprotocol/server';
import { SAMPLING } from '../../contracts/agents/call-host.ts';
import type { Question } from '../../db/queries/questions.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { formForQuestion } from './question-form.ts';

/** The abilities of a client: to ask a person by a form, and to ask its model. */
export type Abilities = { forms: boolean; samples: boolean };

type Claimed = { elicitation?: object | undefined; sampling?: object | undefined };

/** Returns the abilities that a client claims. An empty elicitation capability stands for forms. */
export function abilitiesOf(claimed: Claimed | undefined): Abilities {
  const { elicitation, sampling } = claimed ?? {};
  return {
    forms: elicitation !== undefined && (!('url' in elicitation) || 'form' in elicitation),
    samples: sampling !== undefined,
  };
}

/** Returns whether a question can be asked through a client. */
export function canAsk({ forms, samples }: Abilities, question: Question): boolean {
  return forms || (samples && isForModel(question));
}

function isForModel({ schema }: Question): boolean {
  return isJsonObject(schema?.[SAMPLING] ?? null);
}

/**
 * Returns a question as a request to the client: for its model if the question is for a model and
 * the client has one, else for its person.
 */
export function requestFor(
  question: Question,
  fault: string | null,
  { samples }: Abilities,
): { method: 'elicitation/create' | 'sampling/createMessage'; params: JsonObject } {
  return samples && isForModel(question)
    ? { method: 'sampling/createMessage', params: question.schema?.[SAMPLING] as JsonObject }
    : {
        method: 'elicitation/create',
        params: formForQuestion(question, fault) as unknown as JsonObject,
      };
}

/** Returns a question as an input request, for the result of a call. */
export function inputFor(
  question: Question,
  fault: string | null,
  abilities: Abilities,
): InputRequest {
  const { method, params } = requestFor(question, fault, abilities);
  return method === 'sampling/createMessage'
    ? inputRequired.createMessage(params as unknown as CreateMessageRequestParams)
    : inputRequired.elicit(formForQuestion(question, fault));
}

/**
 * The response of a client: the content of a form, a text if declining is an answer, or undefined
 * if the response does not count.
 */
export type ClientResponse = { content: JsonObject } | { text: string } | undefined;

export function responseTo(
  { options, schema }: Question,
  response: Json | undefined,
): ClientResponse {
  if (!isJsonObject(response ?? null)) return undefined;
  const { action, content, role, model } = response as JsonObject;
  if (role !== undefined && schema?.[SAMPLING] !== undefined) {
    return { content: { content: textOf(content), model: String(model ?? 'unknown') } };
  }
  if (action === 'accept')
    return { content: isJsonObject(content ?? null) ? (content as JsonObject) : {} };
  const mayDecline = action === 'decline' && schema !== null && options?.includes('decline');
  return mayDecline ? { text: 'decline' } : undefined;
}

/** Returns the text in the answer of a model. */
function textOf(content: Json | undefined): string {
  const parts = Array.isArray(content) ? content : [content ?? null];
  return parts
    .flatMap((part) => (isJsonObject(part) && part.type === 'text' ? [String(part.text)] : []))
    .join('\n');
}
