import '../environment.ts';
import { access, type Step } from 'postgraphile/grafast';
import { extendSchema, gql } from 'postgraphile/utils';
import type { StreamEvent } from '../../../contracts/runs/stream-event.ts';
import { subscribeToSource } from './feed-plugin.ts';

const typeDefs = gql`
  extend type Subscription {
    """
    The events of a run after the cursor \`after\`, then new events, as REST streams them. With \`tree\`, also the
    events of all runs below the run. Nothing is lost or repeated. Ends after the event \`complete\` of the run.
    """
    executionEvents(executionId: UUID!, after: String, tree: Boolean = false): RunEvent

    """
    The events of a session over all its turns, and of all runs below, unless \`tree\` is false. Does not end by itself.
    """
    sessionEvents(sessionId: UUID!, after: String, tree: Boolean = true): RunEvent
  }

  """An event of a run."""
  type RunEvent {
    """thought, action, started, observation, ask_user, token, progress, complete or error."""
    event: String!
    """The position to continue from. Null for an event that is not stored, such as token and progress."""
    cursor: String
    """The run that the event belongs to."""
    executionId: UUID
    """The ids of the runs from the followed run down to the run of the event. Null without \`tree\`."""
    path: [UUID!]
    """The name of the agent or workflow."""
    agent: String
    """What the event says: docs/rest.md."""
    data: JSON!
  }
`;

/** The subscriptions to the events of runs and sessions. */
export const EventsPlugin = extendSchema({
  typeDefs,
  objects: {
    Subscription: {
      plans: {
        executionEvents: {
          subscribePlan: (_$root, { $executionId, $after, $tree }) =>
            subscribeToSource('executionEvents', { id: $executionId, after: $after, tree: $tree }),
          plan: ($event: Step<StreamEvent>) => $event,
        },
        sessionEvents: {
          subscribePlan: (_$root, { $sessionId, $after, $tree }) =>
            subscribeToSource('sessionEvents', { id: $sessionId, after: $after, tree: $tree }),
          plan: ($event: Step<StreamEvent>) => $event,
        },
      },
    },
    RunEvent: {
      plans: {
        event: ($event: Step<StreamEvent>) => access($event, 'event'),
        cursor: ($event: Step<StreamEvent>) => access($event, 'id'),
        executionId: ($event: Step<StreamEvent>) => access($event, ['data', 'execution_id']),
        path: ($event: Step<StreamEvent>) => access($event, ['data', 'path']),
        agent: ($event: Step<StreamEvent>) => access($event, ['data', 'agent']),
        data: ($event: Step<StreamEvent>) => access($event, 'data'),
      },
    },
  },
});
