import { Loader, Paper, Text } from '@mantine/core';
import { useEffect, useMemo, useState } from 'react';
import { Link } from 'wouter';
import { isJsonObject, type Json } from '../../json/json.ts';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { Status } from '../parts/status.tsx';
import { type Failure, toFailure } from '../server/failure.ts';
import { request } from '../server/graphql.ts';
import { memberStarts, type TimelineStep, workflowOfRun } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';
import type { RunTree } from '../timeline/use-run-tree.ts';
import { layoutOf, NODE, type Point, pathOf } from './layout.ts';
import { type MemberState, memberStates } from './member-states.ts';
import { END, graphOf, START, type Team, type WorkflowGraph } from './workflow-graph.ts';

const text = messages.graph;
/** Members whose runs are looked up at once. */
const AT_ONCE = 200;

/** The members of a workflow as a graph, with the states that they have in a run. */
export function GraphTab({ id, tree }: { id: string; tree: RunTree }) {
  const { data, failure, reload } = useAnswer(workflowOfRun, { id });
  const steps = tree.steps.get(id) ?? NO_STEPS;
  const starts = useStarts(id, steps);
  const team = useMemo(() => teamOf(data?.execution?.workflowVersion?.definition), [data]);
  const states = useMemo(
    () => memberStates(steps, starts.runs, tree.runs),
    [steps, starts.runs, tree.runs],
  );
  const shown = failure ?? starts.failure;
  if (shown) return <FailureAlert failure={shown} onRetry={failure ? reload : starts.retry} />;
  if (!data) return <Loader size="sm" aria-label={messages.common.loading} />;
  if (!team) return <Text size="sm">{text.none}</Text>;
  return (
    <>
      <Text size="sm" c="dimmed" mb="xs">
        {text.types[team.type]}
      </Text>
      <Paper withBorder radius="md" className="graph-frame">
        <Graph graph={graphOf(team)} states={states} />
      </Paper>
    </>
  );
}

const NO_STEPS: readonly TimelineStep[] = [];

function teamOf(definition: Json | undefined): Team | undefined {
  if (!isJsonObject(definition ?? null)) return undefined;
  const { workflow } = definition as { workflow?: Json };
  return isJsonObject(workflow ?? null) ? (workflow as unknown as Team) : undefined;
}

type GraphProps = {
  graph: WorkflowGraph;
  /** Undefined for a workflow that no run is at. */
  states: ReadonlyMap<string, MemberState> | undefined;
};

/** A workflow as nodes and edges, with the states of its members. */
export function Graph({ graph, states }: GraphProps) {
  const { places, width, height } = useMemo(() => layoutOf(graph), [graph]);
  const hasCycle = graph.edges.some(
    ({ from, to }) => (places.get(to)?.x ?? 0) <= (places.get(from)?.x ?? 0),
  );
  const size = { width, height: height + (hasCycle ? 30 : 0) };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled area needs the keyboard
    <section className="graph" tabIndex={0} aria-label={messages.run.tabs.graph}>
      <div className="graph-canvas" style={size}>
        <svg {...size} aria-hidden="true">
          <defs>
            <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" orient="auto">
              <path d="M0,0 L8,4 L0,8 z" />
            </marker>
          </defs>
          {graph.edges.map((edge) => (
            <path
              key={`${edge.from} ${edge.to} ${edge.label}`}
              d={pathOf(placeOf(places, edge.from), placeOf(places, edge.to))}
              data-passed={states?.has(edge.to) || undefined}
              markerEnd="url(#arrow)"
            >
              {edge.label && <title>{edge.label}</title>}
            </path>
          ))}
        </svg>
        <ol>
          {graph.nodes.map((name) => (
            <li key={name} style={styleOf(placeOf(places, name))}>
              <Node
                name={name}
                state={states?.get(name)}
                conditions={conditionsOf(graph, name)}
                isOfRun={states !== undefined}
              />
            </li>
          ))}
        </ol>
      </div>
    </section>
  );
}

const placeOf = (places: ReadonlyMap<string, Point>, name: string) =>
  places.get(name) ?? { x: 0, y: 0 };
const styleOf = ({ x, y }: Point) => ({ left: x, top: y, ...NODE });

/** Returns the conditions under which a node is reached. */
function conditionsOf({ edges }: WorkflowGraph, name: string): string {
  return edges.flatMap(({ to, label }) => (to === name && label ? [label] : [])).join(' · ');
}

type NodeProps = {
  name: string;
  state: MemberState | undefined;
  conditions: string;
  isOfRun: boolean;
};

function Node({ name, state, conditions, isOfRun }: NodeProps) {
  if (name === START || name === END) {
    return <div className="graph-end">{name === START ? text.start : text.end}</div>;
  }
  const content = (
    <>
      <Text size="sm" fw={600} truncate className="user-text">
        {name}
        {(state?.count ?? 0) > 1 && ` × ${state?.count}`}
      </Text>
      {state?.status ? (
        <Status status={state.status} waitingFor={state.waitingFor} />
      ) : (
        <Text size="sm" c="dimmed" truncate>
          {conditions ? text.when(conditions) : isOfRun && text.notStarted}
        </Text>
      )}
    </>
  );
  const shared = { className: 'graph-node', 'data-status': state?.status ?? 'none' };
  if (!state?.runId) {
    return (
      <div {...shared} title={conditions || undefined}>
        {content}
      </div>
    );
  }
  return (
    <Link href={`/runs/${state.runId}`} {...shared} title={conditions || undefined}>
      {content}
    </Link>
  );
}

/** Returns the runs that steps have started, by the number of the step. Each is read once. */
function useStarts(id: string, steps: readonly TimelineStep[]) {
  const [runs, setRuns] = useState<ReadonlyMap<number, string>>(new Map());
  const [failure, setFailure] = useState<Failure>();
  const seqs = steps.flatMap(({ kind, seq }) => (kind === 'child_started' && seq ? [seq] : []));
  const missing = seqs.filter((seq) => !runs.has(seq)).slice(0, AT_ONCE);
  const key = failure ? '' : missing.join(' ');
  // Fewer dependencies on purpose: the key stands for the missing steps
  useEffect(() => {
    if (key === '') return;
    request(memberStarts, { id, seqs: missing }).then(
      ({ steps: found }) => setRuns((last) => withStarts(last, missing, found?.nodes ?? [])),
      (error: unknown) => setFailure(toFailure(error)),
    );
  }, [id, key]);
  return { runs, failure, retry: () => setFailure(undefined) };
}

/** Adds the runs of steps. A step without one gets an empty id, so that it is not asked again. */
function withStarts(
  last: ReadonlyMap<number, string>,
  asked: readonly number[],
  found: readonly ({ seq: number; output: Json | null } | null)[],
): ReadonlyMap<number, string> {
  const ids = new Map(last);
  for (const seq of asked) ids.set(seq, '');
  for (const step of found) {
    if (!step || !isJsonObject(step.output)) continue;
    const { execution_id: id } = step.output;
    if (typeof id === 'string') ids.set(step.seq, id);
  }
  return ids;
}
