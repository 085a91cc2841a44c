import { z } from 'zod';
import { jsonRecord } from '../../json/json-record.ts';

const member = z.string().min(1);
const positive = () => z.int().min(1);
const deciding = {
  model: z
    .string()
    .min(1)
    .optional()
    .describe('The model that decides; the model named default by default.'),
  request_params: jsonRecord(z.unknown()).optional(),
};
const failing = {
  on_failure: z.enum(['fail', 'ignore', 'quorum']).optional(),
  quorum: positive().optional(),
};
const concurrency = {
  max_concurrency: positive()
    .optional()
    .describe('Maximum number of members that work at the same time.'),
};

/**
 * The configuration of each workflow type, as in `howdah.workflow_schema(type)`. A test compares
 * both.
 */
export const workflowConfigurations = {
  chain: {
    cumulative: z
      .boolean()
      .optional()
      .describe('Whether each member gets the task and all earlier answers.'),
    stop_when: z
      .string()
      .min(1)
      .max(10_000)
      .optional()
      .describe('An expression; the first answer that satisfies it ends the workflow.'),
  },
  parallel: {
    ...concurrency,
    ...failing,
    aggregator: member.optional().describe('The member that combines the answers of the others.'),
    template: z.string().min(1).optional(),
  },
  router: {
    ...deciding,
    method: z
      .enum(['llm', 'lexical', 'embedding'])
      .optional()
      .describe('By a model, by common words, or by a model with purpose embedding.'),
    members: z
      .enum(['listed', 'capable'])
      .optional()
      .describe('capable adds all active agents to the listed members.'),
    fallback: member.optional().describe('The member to use when no decision is confident enough.'),
    min_confidence: z.number().min(0).max(1).optional(),
    top_k: positive().optional(),
  },
  orchestrator: {
    ...deciding,
    ...concurrency,
    planning: z.enum(['full', 'iterative']).optional(),
    max_plans: positive().optional(),
    max_tasks: positive().optional(),
  },
  evaluator_optimizer: {
    ...deciding,
    rubric: z.string().min(1).optional().describe('The criteria of the evaluator.'),
    max_rounds: positive().optional(),
    min_score: z.number().min(0).max(1).optional(),
  },
  voting: {
    ...concurrency,
    ...failing,
    method: z.enum(['majority', 'weighted', 'ranked']).optional(),
    ties: z.enum(['first', 'fail']).optional(),
  },
  map: {
    ...concurrency,
    ...failing,
    query: z.string().min(1).optional().describe('A query; each of its rows is one task.'),
    template: z.string().min(1).optional(),
  },
  graph: {
    start: z.union([member, z.array(z.string()).min(1)]).optional(),
    edges: z
      .array(
        z.strictObject({
          from: member,
          to: member,
          when: z.string().min(1).max(10_000).optional(),
        }),
      )
      .max(1_000),
    joins: z.record(z.string(), z.enum(['any', 'all'])).optional(),
    max_visits: positive().optional(),
  },
} as const;

type Shape = Readonly<Record<string, z.core.$ZodType>>;
type Types = readonly [
  keyof typeof workflowConfigurations,
  ...(keyof typeof workflowConfigurations)[],
];

/**
 * Builds the schema of a workflow by its type. The entry has the common fields and the
 * configuration of its type.
 */
export function workflowEntries(text: z.ZodString, budget: z.ZodType, subRun: z.ZodType) {
  const common = {
    description: text.optional(),
    instruction: text.optional().describe('Additional instructions for the deciding model.'),
    members: membersSchema(subRun),
    budget: budget.optional(),
    is_active: z.boolean().optional(),
  };
  const types = Object.keys(workflowConfigurations) as unknown as Types;
  const entries = types.map((type) =>
    workflowEntry(
      // the second spelling is common in similar systems
      type === 'evaluator_optimizer' ? z.enum([type, 'evaluator-optimizer']) : z.literal(type),
      common,
      workflowConfigurations[type],
    ),
  );
  return z.discriminatedUnion('type', entries as [(typeof entries)[0], ...typeof entries]);
}

function membersSchema(subRun: z.ZodType) {
  const about = { role: z.string().min(1).max(200).optional(), configuration: subRun.optional() };
  return z
    .array(
      z.union([
        member,
        z.strictObject({ agent: member, ...about }),
        z.strictObject({ workflow: member, ...about }),
        z.strictObject({ question: z.looseObject({ prompt: z.string().min(1) }), ...about }),
      ]),
    )
    .describe('Agents by name, or {agent | workflow | question, role, configuration}.');
}

/** Builds the schema of one type. Keys of its configuration may also be set beside `type`. */
function workflowEntry<T extends string, Common extends Shape>(
  type: z.ZodType<T>,
  common: Common,
  configuration: Shape,
) {
  // a configuration key with the name of the list of members is allowed only under `configuration`
  const { members: _, ...beside } = configuration;
  return z
    .strictObject({
      type,
      ...common,
      ...z.object(beside).partial().shape,
      configuration: z
        .strictObject(configuration)
        .partial()
        .optional()
        .describe('The keys of the type; they may also be set beside type.'),
    })
    .superRefine(checkPlacement(beside));
}

/** Checks that required keys are set, and that no key is set in both places. */
function checkPlacement(beside: Shape) {
  const required = Object.keys(beside).filter((key) => beside[key]?._zod.optin !== 'optional');
  return (entry: object, context: z.RefinementCtx): void => {
    const above = entry as Record<string, unknown>;
    const below = (above.configuration ?? {}) as Record<string, unknown>;
    for (const key of required) {
      if (above[key] === undefined && below[key] === undefined) {
        context.addIssue({ code: 'custom', path: [key], message: 'is missing' });
      }
    }
    for (const key of Object.keys(below).filter((name) => Object.hasOwn(beside, name))) {
      const message = 'is also set beside type: set it in one place only';
      if (above[key] !== undefined) {
        context.addIssue({ code: 'custom', path: ['configuration', key], message });
      }
    }
  };
}
