import '../environment.ts';
import 'postgraphile';

type Behavior = GraphileBuild.Build['behavior'];
type Verdict = boolean | undefined;

/**
 * Building the schema asks a hundred thousand times whether what a table, column or relation may do covers something,
 * and graphile-build splits the whole list of what it may do each time: more than a third of a start. The answer
 * depends on that list and the question alone, and few lists differ. Here it is remembered for as long as the schema is built.
 */
export const RememberedBehaviorPlugin: GraphileConfig.Plugin = {
  name: 'HowdahRememberedBehaviorPlugin',
  version: '1.0.0',
  schema: {
    // asked once, when all entities are known and before the first question
    globalBehavior(behavior, build) {
      remember(build.behavior);
      return [behavior];
    },
  },
};

function remember(behavior: Behavior): void {
  const ask = behavior.entityMatches.bind(behavior);
  const known = new Map<string, Map<string, Verdict>>();
  behavior.entityMatches = (type, entity, filter) => {
    const { behaviorString } = behavior.getBehaviorForEntity(type, entity);
    const question = `${type} ${filter}`;
    const verdicts = known.get(question) ?? new Map<string, Verdict>();
    known.set(question, verdicts);
    if (!verdicts.has(behaviorString)) verdicts.set(behaviorString, ask(type, entity, filter));
    return verdicts.get(behaviorString);
  };
}
