import '../environment.ts';
import type { PgSelectSingleStep } from 'postgraphile/@dataplan/pg';
import {
  access,
  context,
  type GrafastSubscriber,
  lambda,
  listen,
  object,
  type Step,
} from 'postgraphile/grafast';
import { extendSchema, gql } from 'postgraphile/utils';
import type { TokenPiece } from '../../../contracts/runs/step.ts';
import type { FeedRunState, SessionRow } from '../../../db/feed/feed.ts';
import type { FeedRow } from '../../../db/feed/tree-rows.ts';
import { FeedRowStep } from '../subscriptions/feed-row.ts';
import type { LiveSources } from '../subscriptions/subscriptions.ts';

declare global {
  namespace Grafast {
    interface Context {
      /** The sources of the events of the operation. */
      live: LiveSources;
    }
  }
}

const typeDefs = gql`
  extend type Subscription {
    """
    The steps of a run after the cursor \`after\` (the \`seq\` of the last received step), then each new step when it
    commits: in order, without gaps or repeats. Ends after the last step of an ended run.
    """
    executionSteps(executionId: UUID!, after: Int = 0): Step

    """
    The run as it is now, and again after each change of its status or its number of steps. Changes in quick
    succession may come as one. Ends when the run ends.
    """
    executionUpdated(id: UUID!): Execution

    """
    The answers of the models while they stream, from now on. Pieces may be lost, and the committed step
    replaces them. Ends when the run ends.
    """
    executionTokens(executionId: UUID!): TokenPiece

    """
    The messages of a session after the cursor \`after\` (the \`cursor\` of the last received message), then each new
    message when it commits: in order of turn and seq, without gaps or repeats. Includes turns that begin later. When an
    earlier turn is retried or resumed after later ones, its new messages come when they are written. Ends when the
    session is deleted.
    """
    sessionMessages(sessionId: UUID!, after: String): Message
  }

  extend type Message {
    """The place of the message in its session: \`turn.seq\`. In a subscription, also the last written message, if it is another one: \`3.1~2.4\`. Null outside of a session."""
    cursor: String
  }

  """A piece of an answer while it streams."""
  type TokenPiece {
    executionId: UUID!
    """The number of the step that the answer will be."""
    seq: Int!
    """The number of the attempt. When it changes, the model is called again: discard the earlier pieces of the step."""
    attempt: Int!
    text: String!
  }
`;

/**
 * The subscriptions of the live feed. A step is taken from the event. A run is read again for each
 * event.
 */
export const FeedPlugin = extendSchema((build) => {
  const { steps, executions, messages } = build.input.pgRegistry.pgResources;
  if (!steps || !executions || !messages) throw new Error('the schema lacks the log');
  return {
    typeDefs,
    objects: {
      Subscription: {
        plans: {
          executionSteps: {
            subscribePlan: (_$root, { $executionId, $after }) =>
              subscribeToSource('steps', { id: $executionId, after: $after }),
            plan: ($event: Step<FeedRow>) => new FeedRowStep(steps, $event),
          },
          executionUpdated: {
            subscribePlan: (_$root, { $id }) => subscribeToSource('states', { id: $id }),
            plan: ($event: Step<FeedRunState>) =>
              executions.get({ id: access($event, 'execution_id') }),
          },
          executionTokens: {
            subscribePlan: (_$root, { $executionId }) =>
              subscribeToSource('tokens', { id: $executionId }),
            plan: ($event: Step<TokenPiece>) => $event,
          },
          sessionMessages: {
            subscribePlan: (_$root, { $sessionId, $after }) =>
              subscribeToSource('messages', { id: $sessionId, after: $after }),
            plan: ($event: Step<SessionRow>) => new FeedRowStep(messages, $event),
          },
        },
      },
      Message: {
        plans: {
          cursor($message: FeedRowStep | PgSelectSingleStep) {
            if ($message instanceof FeedRowStep) return $message.cursor();
            const $turn = executions.get({ id: $message.get('execution_id') }).get('turn');
            return lambda([$turn, $message.get('seq')], cursorOf);
          },
        },
      },
      TokenPiece: {
        plans: {
          executionId: ($piece: Step<TokenPiece>) => access($piece, 'execution_id'),
          seq: ($piece: Step<TokenPiece>) => access($piece, 'seq'),
          attempt: ($piece: Step<TokenPiece>) => access($piece, 'attempt'),
          text: ($piece: Step<TokenPiece>) => access($piece, 'text'),
        },
      },
    },
  };
});

function cursorOf([turn, seq]: readonly [number | null, number]): string | null {
  return turn === null ? null : `${turn}.${seq}`;
}

/**
 * Subscribes to a source. Grafast types topics as names; topics of Howdah name the run and the
 * settings of the caller.
 */
export function subscribeToSource(
  source: keyof LiveSources,
  topic: Record<string, Step | undefined>,
) {
  const $context = context();
  const $topic = object({
    ...(topic as Record<string, Step>),
    withPgClient: $context.get('withPgClient'),
    pgSettings: $context.get('pgSettings'),
  });
  const $source = access($context.get('live'), source);
  return listen($source as unknown as Step<GrafastSubscriber>, $topic as unknown as Step<string>);
}
