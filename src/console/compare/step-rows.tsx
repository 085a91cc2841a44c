import { Anchor, Button, Paper, Text, Title } from '@mantine/core';
import { useMemo, useState } from 'react';
import { Link } from 'wouter';
import type { Comparison, StepChange } from '../../contracts/runs/comparison.ts';
import { formatCompact, formatCost, formatDuration } from '../messages/format.ts';
import { messages } from '../messages/messages.ts';
import type { ComparedRun, TimelineStep } from '../server/operations.generated.ts';
import { StepIcon } from '../timeline/step-icon.tsx';
import { type AlignedStep, alignSteps, groupSteps, type StepGroup } from './aligned-steps.ts';
import { TextDiff } from './text-diff.tsx';

const text = messages.compare;
/** Groups of steps that are drawn at first, and by each further request of the person. */
const GROUPS = 100;
/** Equal steps in a row that are shown without being opened. */
const FEW = 2;

type StepRowsProps = {
  comparison: Comparison;
  first: ComparedRun | null;
  second: ComparedRun | null;
};

/** The steps of two runs beside each other. Equal steps in a row are one line until opened. */
export function StepRows({ comparison, first, second }: StepRowsProps) {
  const { steps, shared_steps: shared } = comparison;
  const groups = useMemo(() => groupSteps(alignSteps(comparison)), [comparison]);
  const sides = useMemo(() => ({ a: sideOf(first), b: sideOf(second) }), [first, second]);
  const [most, setMost] = useState(GROUPS);
  return (
    <section>
      <Title order={2} size="h5">
        {text.steps}
      </Title>
      <Text size="sm" c="dimmed" mb="xs">
        {text.stepsSummary(steps.same, steps.changed, steps.only_a, steps.only_b)}
        {shared > 0 && `. ${text.shared(shared)}`}
      </Text>
      <Paper withBorder radius="md" mb="md" className="table-frame">
        <ol className="step-pairs">
          {groups.slice(0, most).map((group) => (
            <li key={keyOf(group)}>
              {group.kind === 'equal' ? (
                <EqualSteps steps={group.steps} sides={sides} />
              ) : (
                <ChangedStep step={group.step} sides={sides} />
              )}
            </li>
          ))}
        </ol>
      </Paper>
      {groups.length > most && (
        <Button size="xs" variant="default" mb="md" onClick={() => setMost(most + GROUPS)}>
          {text.showMore(Math.min(GROUPS, groups.length - most))}
        </Button>
      )}
      {steps.left_off > 0 && <Text size="sm">{text.leftOff(steps.left_off)}</Text>}
    </section>
  );
}

/** A run and its steps by number, as far as they are loaded. */
type Side = { id: string; steps: ReadonlyMap<number, TimelineStep> };
type Sides = { a: Side | undefined; b: Side | undefined };

function sideOf(run: ComparedRun | null): Side | undefined {
  if (!run) return undefined;
  const steps = run.timeline.nodes.flatMap((step) =>
    step?.seq ? [[step.seq, step] as const] : [],
  );
  return { id: run.id, steps: new Map(steps) };
}

function keyOf(group: StepGroup): string {
  const step = group.kind === 'equal' ? group.steps[0] : group.step;
  return `${step?.a} ${step?.b}`;
}

function EqualSteps({ steps, sides }: { steps: readonly AlignedStep[]; sides: Sides }) {
  const [isOpen, setOpen] = useState(steps.length <= FEW);
  if (!isOpen) {
    return (
      <Button variant="subtle" color="gray" size="compact-sm" onClick={() => setOpen(true)}>
        {text.showEqual(steps.length)}
      </Button>
    );
  }
  return steps.map((step) => <Pair key={`${step.a}`} step={step} sides={sides} />);
}

type ChangedStepProps = { step: AlignedStep & { change: StepChange }; sides: Sides };

function ChangedStep({ step, sides }: ChangedStepProps) {
  const { differences } = step.change;
  return (
    <div className="changed-step">
      <Pair step={step} sides={sides} />
      {differences.map(({ field, a, b }) => (
        <TextDiff key={field} title={field} a={a} b={b} />
      ))}
    </div>
  );
}

/** One row: the step of each run, or that the run has none. */
function Pair({ step, sides }: { step: AlignedStep; sides: Sides }) {
  const what = step.change?.what ?? 'same';
  return (
    <div className="step-pair" data-what={what}>
      <StepCell side={sides.a} seq={step.a} change={step.change} />
      <StepCell side={sides.b} seq={step.b} change={step.change} />
      <Text size="xs" c="dimmed" className="step-pair-what">
        {text.what[what]}
      </Text>
    </div>
  );
}

type StepCellProps = {
  side: Side | undefined;
  seq: number | undefined;
  change: StepChange | undefined;
};

function StepCell({ side, seq, change }: StepCellProps) {
  if (seq === undefined || !side) {
    return (
      <Text size="sm" c="dimmed" component="div">
        {text.none}
      </Text>
    );
  }
  const step = side.steps.get(seq);
  const kind = step?.kind ?? change?.kind;
  return (
    <div className="step-cell">
      {step?.kind && <StepIcon kind={step.kind} isFailed={step.error !== null} />}
      <Anchor component={Link} href={`/runs/${side.id}/${seq}`} size="sm" className="step-name">
        {seq} {kind} {step?.name ?? change?.name}
      </Anchor>
      {step && <Usage step={step} />}
    </div>
  );
}

function Usage({ step }: { step: TimelineStep }) {
  const tokens = (step.tokensIn ?? 0) + (step.tokensOut ?? 0);
  const facts = [
    Number(step.ms ?? 0) > 0 && formatDuration(Number(step.ms)),
    tokens > 0 && messages.compare.tokens(formatCompact(tokens)),
    Number(step.cost ?? 0) > 0 && formatCost(step.cost ?? 0),
  ].filter(Boolean);
  return <span className="figure step-usage">{facts.join(' · ')}</span>;
}
