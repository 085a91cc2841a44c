import { Paper, Table, Title } from '@mantine/core';
import type { ComparedFigure, EvaluationComparison } from '../../../contracts/evaluations.ts';
import { formatCost, formatDuration } from '../../messages/format.ts';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { formatScore, formatShare } from '../quality-rows.ts';

const text = qualityTexts.compare;

type Kind = {
  name: keyof typeof text.figures;
  show(value: number): string;
  /** True if a higher figure is better; false for cost, where a lower one is. */
  isHigherBetter: boolean;
};

const KINDS: readonly Kind[] = [
  { name: 'pass_rate', show: formatShare, isHigherBetter: true },
  { name: 'score', show: formatScore, isHigherBetter: true },
  { name: 'cost', show: formatCost, isHigherBetter: false },
  { name: 'latency_ms', show: formatDuration, isHigherBetter: false },
];
const [PASS_RATE] = KINDS as [Kind];

/** The frame of a table, which the keyboard scrolls on a narrow screen. */
const FRAME = {
  ...{ withBorder: true, radius: 'md', mb: 'lg', className: 'table-frame wide-table' },
  tabIndex: 0,
};

/** The figures of both evaluations, with the interval of the difference and its verdict. */
export function FiguresTable({ comparison }: { comparison: EvaluationComparison }) {
  return (
    <Paper {...FRAME}>
      <Table className="figures" verticalSpacing={5}>
        <FigureHead first={text.figure} />
        <Table.Tbody>
          {KINDS.map((kind) => (
            <Table.Tr key={kind.name}>
              <Table.Th scope="row">{text.figures[kind.name]}</Table.Th>
              <FigureCells figure={comparison[kind.name]} kind={kind} />
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Paper>
  );
}

/** The pass rates of each split and each tag. */
export function SlicesTable({ slices }: Pick<EvaluationComparison, 'slices'>) {
  return (
    <section>
      <Title order={2} size="h5" mb="xs">
        {text.slices}
      </Title>
      <Paper {...FRAME}>
        <Table className="figures" verticalSpacing={5}>
          <FigureHead first={text.slice} second={text.sliceItems} />
          <Table.Tbody>
            {slices.map(({ key, value, items, pass_rate }) => (
              <Table.Tr key={`${key} ${value}`}>
                <Table.Th scope="row" className="user-text">
                  {key}: {value}
                </Table.Th>
                <Table.Td className="figure">{items}</Table.Td>
                <FigureCells figure={pass_rate} kind={PASS_RATE} />
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Paper>
    </section>
  );
}

function FigureHead({ first, second }: { first: string; second?: string }) {
  const figures = [...(second ? [second] : []), text.a, text.b, text.difference, text.interval];
  return (
    <Table.Thead>
      <Table.Tr>
        <Table.Th scope="col">{first}</Table.Th>
        <FigureHeads names={figures} />
        <Table.Th scope="col">{text.verdict}</Table.Th>
      </Table.Tr>
    </Table.Thead>
  );
}

/** The heads of columns of numbers, which are aligned to the right. */
export function FigureHeads({ names }: { names: readonly string[] }) {
  return names.map((name) => (
    <Table.Th key={name} scope="col" ta="right">
      {name}
    </Table.Th>
  ));
}

function FigureCells({ figure, kind }: { figure: ComparedFigure; kind: Kind }) {
  const { a, b, difference, low, high } = figure;
  const show = (value: number | null) => (value === null ? '–' : kind.show(value));
  return (
    <>
      <Table.Td className="figure">{show(a)}</Table.Td>
      <Table.Td className="figure">{show(b)}</Table.Td>
      <Table.Td className="figure">{signed(difference, kind)}</Table.Td>
      <Table.Td className="figure">
        {low === null || high === null ? '–' : `${signed(low, kind)} … ${signed(high, kind)}`}
      </Table.Td>
      <Table.Td>
        <Verdict verdict={figure.verdict} isHigherBetter={kind.isHigherBetter} />
      </Table.Td>
    </>
  );
}

/** Writes a difference with its sign. */
function signed(value: number | null, { show }: Kind): string {
  if (value === null) return '–';
  const size = show(Math.abs(value));
  if (value === 0) return size;
  return `${value > 0 ? '+' : '−'}${size}`;
}

type VerdictProps = { verdict: string | null; isHigherBetter: boolean };

/** The verdict in words, and whether it is good: colour alone says nothing. */
export function Verdict({ verdict, isHigherBetter }: VerdictProps) {
  if (verdict === null) return <span className="verdict">–</span>;
  const word = text.verdicts[verdict] ?? verdict;
  if (verdict !== 'higher' && verdict !== 'lower') return <span className="verdict">{word}</span>;
  const isBetter = (verdict === 'higher') === isHigherBetter;
  return (
    <span className="verdict" data-verdict={isBetter ? 'better' : 'worse'}>
      {word}: {isBetter ? text.better : text.worse}
    </span>
  );
}
