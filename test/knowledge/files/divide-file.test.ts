import { describe, expect, test } from 'vitest';
import { DOCUMENT_TYPES } from '../../../src/contracts/document-types.ts';
import { divideFile } from '../../../src/knowledge/files/divide-file.ts';
import {
  makeDocx,
  makeOpenDocument,
  makePptx,
  makeXlsx,
  paragraph,
  shape,
} from '../../support/files/make-office.ts';
import { makePdf, pdfOf, streamOf } from '../../support/files/make-pdf.ts';

type Ending = keyof typeof DOCUMENT_TYPES;

/** Reads a file, and checks that each piece is the part of the text that it says. */
async function read(ending: Ending, bytes: Buffer, maxCharacters = 2_000) {
  const { content, pieces } = await divideFile({
    type: DOCUMENT_TYPES[ending],
    bytes,
    maxCharacters,
  });
  const characters = [...content];
  for (const piece of pieces) {
    const part = characters.slice(piece.start_offset, piece.end_offset).join('');
    expect(part).toBe(piece.content);
    const formFeeds = characters.slice(0, piece.start_offset).filter((one) => one === '\f').length;
    if (piece.page !== undefined) expect(formFeeds).toBe(piece.page - 1);
  }
  return pieces.map(({ content: text, heading_path: path, page }) => ({
    text,
    ...(path.length > 0 && { path }),
    ...(page !== undefined && { page }),
  }));
}

describe('PDF', () => {
  test.each([
    ['UniJIS-UCS2-H', 'Japan1', '65E5672C', '日本'],
    ['GBK-EUC-H', 'GB1', 'D6D0B9FA', '中国'],
  ])('has characters of a font that is not part of it: %s', async (map, order, codes, text) => {
    const font = `/BaseFont /Asian /CIDSystemInfo << /Registry (Adobe) /Ordering (${order}) /Supplement 2 >>`;
    const bytes = pdfOf([
      '<< /Type /Catalog /Pages 2 0 R >>',
      '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
      '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
      streamOf(Buffer.from(`BT /F1 12 Tf 50 780 Td <${codes}> Tj ET`)),
      `<< /Type /Font /Subtype /Type0 /BaseFont /Asian /Encoding /${map} /DescendantFonts [6 0 R] >>`,
      `<< /Type /Font /Subtype /CIDFontType0 ${font} /FontDescriptor 7 0 R >>`,
      '<< /Type /FontDescriptor /FontName /Asian /Flags 4 >>',
    ]);
    expect(await read('.pdf', bytes)).toEqual([{ text, page: 1 }]);
  });

  test('has pages, paragraphs and words that were hyphenated', async () => {
    const bytes = makePdf([
      ['Die Rückzahlung ist inner-', 'halb von 30 Tagen möglich.', '', 'Größere Beträge: später.'],
      ['Übrige Fälle (Ausnahmen)'],
    ]);
    expect(await read('.pdf', bytes)).toEqual([
      {
        text: 'Die Rückzahlung ist innerhalb von 30 Tagen möglich.\n\nGrößere Beträge: später.',
        page: 1,
      },
      { text: 'Übrige Fälle (Ausnahmen)', page: 2 },
    ]);
  });

  test('counts empty pages', async () => {
    expect(await read('.pdf', makePdf([[], ['Zweite Seite'], [], ['Vierte']]))).toEqual([
      { text: 'Zweite Seite', page: 2 },
      { text: 'Vierte', page: 4 },
    ]);
  });
});

describe('Word', () => {
  test('has headings by their styles, lists and tables', async () => {
    const item = '<w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>Äpfel</w:t></w:r></w:p>';
    const cell = (text: string) => `<w:tc>${paragraph(text)}</w:tc>`;
    const row = (...cells: string[]) => `<w:tr>${cells.map(cell).join('')}</w:tr>`;
    const body = [
      paragraph('Kündigung', 'berschrift1'),
      paragraph('Die Frist beträgt drei Monate.'),
      item,
      `<w:tbl>${row('Größe', 'Preis')}${row('M', '12 €')}</w:tbl>`,
      paragraph('Zölle', 'Eigene'),
      paragraph('Keine &amp; nie.'),
    ];
    expect(await read('.docx', makeDocx(body.join('')))).toEqual([
      {
        text: 'Die Frist beträgt drei Monate.\n\n- Äpfel\n\nGröße | Preis\nM | 12 €',
        path: ['Kündigung'],
      },
      { text: 'Keine & nie.', path: ['Zölle'] },
    ]);
  });

  test('leaves out deleted and hidden text, and reads notes and text boxes once', async () => {
    const box = `<mc:AlternateContent><mc:Choice><w:txbxContent>${paragraph('Kasten')}</w:txbxContent></mc:Choice>
      <mc:Fallback><w:txbxContent>${paragraph('Kasten')}</w:txbxContent></mc:Fallback></mc:AlternateContent>`;
    const body = `<w:p><w:pPr><w:tabs><w:tab w:val="left"/></w:tabs></w:pPr><w:r><w:t>Sicht</w:t><w:tab/><w:t>bar</w:t></w:r>
      <w:del><w:r><w:delText>weg</w:delText></w:r></w:del><w:ins><w:r><w:t xml:space="preserve"> neu</w:t></w:r></w:ins>
      <w:r><w:rPr><w:vanish/></w:rPr><w:t>geheim</w:t></w:r><w:r>${box}</w:r></w:p>`;
    const footnotes = `<w:footnotes xmlns:w="w"><w:footnote>${paragraph('Fußnote')}</w:footnote></w:footnotes>`;
    expect(await read('.docx', makeDocx(body, { 'word/footnotes.xml': footnotes }))).toEqual([
      { text: 'Kasten\n\nSicht\tbar neu\n\nFußnote' },
    ]);
  });
});

test('Word text that styles hide is left out, and so is what follows a text box', async () => {
  const styles = `<w:styles xmlns:w="w"><w:style w:styleId="Leise"><w:rPr><w:vanish/></w:rPr></w:style>
    <w:style w:styleId="Erbe"><w:basedOn w:val="Leise"/></w:style></w:styles>`;
  const run = (properties: string, text: string) =>
    `<w:r><w:rPr>${properties}</w:rPr><w:t>${text}</w:t></w:r>`;
  const box = `<w:r><w:rPr><w:vanish/></w:rPr><w:drawing><w:txbxContent><w:p>${run('', 'Kasten')}</w:p></w:txbxContent></w:drawing><w:t>geheim</w:t></w:r>`;
  const body = `<w:p>${run('<w:rStyle w:val="Erbe"/>', 'weg')}${run('<w:rStyle w:val="Erbe"/><w:vanish w:val="0"/>', 'da')}${box}</w:p>
    <w:p><w:pPr><w:pStyle w:val="Erbe"/></w:pPr>${run('', 'fort')}</w:p>
    <w:p><w:pPr><w:rPr><w:vanish/></w:rPr></w:pPr>${run('', 'Ende')}</w:p>`;
  expect(await read('.docx', makeDocx(body, { 'word/styles.xml': styles }))).toEqual([
    { text: 'Kasten\n\nda\n\nEnde' },
  ]);
});

describe('PowerPoint', () => {
  test('has slides in their order as pages, with titles and notes', async () => {
    const table =
      '<a:tbl><a:tr><a:tc><a:txBody><a:p><a:r><a:t>Stück</a:t></a:r></a:p></a:txBody></a:tc><a:tc><a:txBody><a:p><a:r><a:t>3</a:t></a:r></a:p></a:txBody></a:tc></a:tr></a:tbl>';
    const bytes = makePptx(
      [
        shape('ctrTitle', 'Überblick') +
          shape('body', 'Erste Zeile', 'Zweite') +
          shape('sldNum', '1'),
        shape('body', 'Ohne Titel') + table,
      ],
      { 1: shape('body', 'Notiz für Vortragende') },
    );
    expect(await read('.pptx', bytes)).toEqual([
      { text: 'Erste Zeile\n\nZweite', path: ['Überblick'], page: 1 },
      { text: 'Ohne Titel\n\nStück | 3\n\nNotiz für Vortragende', page: 2 },
    ]);
  });
});

describe('Excel', () => {
  test('has visible sheets as pages, with the first row as heading', async () => {
    const prices = `<row><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row>
      <row><c r="A2" t="inlineStr"><is><t>Öl</t></is></c><c r="C2"><f>1+1</f><v>2.5</v></c></row>
      <row hidden="1"><c r="A3" t="str"><v>verborgen</v></c></row>
      <row><c r="A4" t="b"><v>1</v></c><c r="C4" s="1"><v>46353</v></c></row>`;
    const bytes = makeXlsx(
      {
        Preise: prices,
        Geheim: '<row><c t="str"><v>x</v></c></row>',
        Zwei: '<row><c><v>7</v></c></row>',
      },
      ['Artikel', 'Größe'],
      { Geheim: 'veryHidden' },
    );
    expect(await read('.xlsx', bytes)).toEqual([
      {
        text: 'Öl |  | 2.5\ntrue |  | 2026-11-27',
        path: ['Preise', 'Artikel | | Größe'],
        page: 1,
      },
      { text: '7', path: ['Zwei'], page: 2 },
    ]);
  });
});

test('Excel writes booleans and dates in more than one way', async () => {
  const rows = `<row><c t="str"><v>Spalte</v></c></row><row hidden="true"><c t="str"><v>verborgen</v></c></row>
    <row hidden="0"><c t="b"><v>true</v></c></row><row><c t="b"><v>0</v></c></row><row><c t="b"/></row>
    <row><c s="1"><v>1</v></c></row><row><c s="1"><v>59</v></c></row><row><c s="1"><v>60</v></c></row>
    <row><c s="1"><v>61</v></c></row><row><c s="1"><v>0.5</v></c></row>`;
  expect(await read('.xlsx', makeXlsx({ A: rows }))).toEqual([
    {
      text: 'true\nfalse\n1900-01-01\n1900-02-28\n60\n1900-03-01\n0.5',
      path: ['A', 'Spalte'],
      page: 1,
    },
  ]);
});

test('Excel counts days from 1904 if the workbook says so', async () => {
  const rows = '<row><c t="str"><v>Tag</v></c></row><row><c s="1"><v>0</v></c></row>';
  const workbook = `<workbook xmlns:r="r"><workbookPr date1904="true"/>
    <sheets><sheet name="A" sheetId="1" r:id="s0"/></sheets></workbook>`;
  const bytes = makeXlsx({ A: rows }, [], {}, { 'xl/workbook.xml': workbook });
  expect(await read('.xlsx', bytes)).toEqual([{ text: '1904-01-01', path: ['A', 'Tag'], page: 1 }]);
});

describe('OpenDocument', () => {
  test('has headings, lists, tables and spaces of a text', async () => {
    const body = `<text:tracked-changes><text:p>gelöscht</text:p></text:tracked-changes>
      <text:h text:outline-level="2">Übersicht</text:h>
      <text:p>Drei<text:s text:c="2"/>Wörter<text:line-break/>und mehr.<office:annotation><text:p>Kommentar</text:p></office:annotation></text:p>
      <text:list><text:list-item><text:p>Punkt</text:p></text:list-item></text:list>
      <table:table><table:table-row><table:table-cell><text:p>Maß</text:p></table:table-cell><table:table-cell><text:p>5</text:p></table:table-cell></table:table-row></table:table>`;
    expect(await read('.odt', makeOpenDocument('text', body))).toEqual([
      { text: 'Drei  Wörter\nund mehr.\n\n- Punkt\n\nMaß | 5', path: ['Übersicht'] },
    ]);
  });

  test('has slides and sheets as pages', async () => {
    const slides = `<draw:page><draw:frame presentation:class="title"><draw:text-box><text:p>Größen</text:p></draw:text-box></draw:frame>
      <draw:frame><draw:text-box><text:p>Inhalt</text:p></draw:text-box></draw:frame></draw:page><draw:page><draw:frame><draw:text-box><text:p>Ende</text:p></draw:text-box></draw:frame></draw:page>`;
    expect(await read('.odp', makeOpenDocument('presentation', slides))).toEqual([
      { text: 'Inhalt', path: ['Größen'], page: 1 },
      { text: 'Ende', page: 2 },
    ]);
    const cell = (text: string, times = 1) =>
      `<table:table-cell table:number-columns-repeated="${times}">${text && `<text:p>${text}</text:p>`}</table:table-cell>`;
    const row = (cells: string, times = 1) =>
      `<table:table-row table:number-rows-repeated="${times}">${cells}</table:table-row>`;
    const sheet = `<table:table table:name="Lager">${row(cell('Ware') + cell('', 2) + cell('Stück'))}${row(cell('Nägel') + cell('9', 3))}${row(cell('', 16384), 1048576)}</table:table>`;
    expect(await read('.ods', makeOpenDocument('spreadsheet', sheet))).toEqual([
      {
        text: 'Nägel | 9 | 9 | 9',
        path: ['Lager', 'Ware | | | Stück'],
        page: 1,
      },
    ]);
  });
});

describe('e-mail', () => {
  const mail = (...lines: string[]) => Buffer.from(lines.join('\r\n'));

  test('has its headers and its text', async () => {
    const bytes = mail(
      'From: =?utf-8?Q?J=C3=BCrgen?= <juergen@example.com>',
      'To: a@example.com, B <b@example.com>',
      'Subject: =?utf-8?B?UsO8Y2t6YWhsdW5n?=',
      'Date: Fri, 27 Nov 2026 19:00:00 +0000',
      'Content-Type: multipart/mixed; boundary=x',
      '',
      '--x',
      'Content-Type: text/plain; charset=iso-8859-1',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      'Sch=F6ne Gr=FC=DFe.',
      '',
      'Zweiter Absatz.',
      '--x',
      'Content-Type: application/pdf',
      'Content-Disposition: attachment; filename="vertrag.pdf"',
      'Content-Transfer-Encoding: base64',
      '',
      'JVBERi0=',
      '--x--',
    );
    expect(await read('.eml', bytes)).toEqual([
      {
        text: 'From: Jürgen <juergen@example.com>\nTo: a@example.com, B <b@example.com>\nDate: 2026-11-27T19:00:00.000Z\n\nSchöne Grüße.\n\nZweiter Absatz.\n\nAttachments: vertrag.pdf',
        path: ['Rückzahlung'],
      },
    ]);
  });

  test('has the text of a page, if it has no other', async () => {
    const bytes = mail(
      'From: a@example.com',
      'Content-Type: text/html; charset=utf-8',
      '',
      '<p>Grüße</p><script>x()</script><h2>Später</h2><p>Mehr.</p>',
    );
    expect(await read('.eml', bytes)).toEqual([
      { text: 'From: a@example.com\n\nGrüße' },
      { text: 'Mehr.', path: ['Später'] },
    ]);
  });
});

test('a file of text has its own offsets', async () => {
  const html = Buffer.from('<h1>Über</h1><p>Straße &amp; Weg</p>');
  const { content, pieces } = await divideFile({
    ...{ type: 'text/html', bytes: html, maxCharacters: 2_000 },
  });
  expect(content).toBe(html.toString());
  expect(pieces).toMatchObject([{ content: 'Straße & Weg', heading_path: ['Über'] }]);
});
