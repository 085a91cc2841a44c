import { deflateSync } from 'node:zlib';
import {
  makeDocx,
  makeOpenDocument,
  makePptx,
  makeXlsx,
  paragraph,
  shape,
} from '../../support/files/make-office.ts';
import { makePdf, pdfOf, streamOf } from '../../support/files/make-pdf.ts';
import { makeZip } from '../../support/files/make-zip.ts';

/** A file, and how its document ends: the code of its error, or `ready`. */
export type HostileFile = {
  ending: string;
  bytes: Buffer;
  ends: 'ready' | 'password_protected' | 'no_text' | 'too_large' | 'unreadable' | 'any';
};

const MB = 1024 * 1024;
/** 200 MB of zeros as text, which deflate to 200 kB. */
const bomb = () => Buffer.alloc(200 * MB, '0');
const catalog = '<< /Type /Catalog /Pages 2 0 R >>';
const page = (contents: string) =>
  `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents ${contents} >>`;
const onePage = '<< /Type /Pages /Kids [3 0 R] /Count 1 >>';

function truncated(bytes: Buffer, share: number): Buffer {
  return bytes.subarray(0, Math.floor(bytes.length * share));
}

/** A stream of 1 GB that is deflated twice, to some kilobytes. */
function deflatedTwice(): Buffer {
  return deflateSync(deflateSync(Buffer.alloc(1024 * MB)));
}

const pdfs: Record<string, () => HostileFile> = {
  'a PDF that decompresses to 1 GB': () => ({
    ...{ ending: '.pdf', ends: 'any' },
    bytes: pdfOf([
      catalog,
      onePage,
      page('4 0 R'),
      streamOf(deflatedTwice(), '/Filter [/FlateDecode /FlateDecode]'),
    ]),
  }),
  'a PDF whose page tree is a loop': () => ({
    ...{ ending: '.pdf', ends: 'any' },
    bytes: pdfOf([catalog, '<< /Type /Pages /Kids [2 0 R] /Count 5 >>']),
  }),
  'a PDF whose contents refer to themselves': () => ({
    ...{ ending: '.pdf', ends: 'any' },
    bytes: pdfOf([catalog, onePage, page('[4 0 R 4 0 R]'), '[4 0 R 4 0 R]']),
  }),
  'a PDF with forms that draw themselves': () => {
    const form = '/Type /XObject /Subtype /Form /BBox [0 0 9 9]';
    const used = '/Resources << /XObject << /A 4 0 R >> >>';
    return {
      ...{ ending: '.pdf', ends: 'any' },
      bytes: pdfOf([
        catalog,
        onePage,
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 5 0 R ${used} >>`,
        streamOf(Buffer.from('/A Do /A Do'), `${form} ${used}`),
        streamOf(Buffer.from('/A Do '.repeat(1_000))),
      ]),
    };
  },
  'a PDF that says it has two billion pages': () => ({
    ...{ ending: '.pdf', ends: 'any' },
    bytes: pdfOf([catalog, '<< /Type /Pages /Kids [3 0 R] /Count 2000000000 >>', page('4 0 R')]),
  }),
  'a PDF with 5,000 pages': () => ({
    ...{ ending: '.pdf', ends: 'too_large' },
    bytes: makePdf(Array.from({ length: 5_000 }, () => ['x'])),
  }),
  'a PDF with 2 MB of text': () => ({
    ...{ ending: '.pdf', ends: 'too_large' },
    bytes: makePdf(
      Array.from({ length: 300 }, () => Array.from({ length: 50 }, () => 'Wort '.repeat(30))),
    ),
  }),
  'a PDF with a password': () => ({
    ...{ ending: '.pdf', ends: 'password_protected' },
    bytes: makePdf(
      [['secret']],
      `/ID [<00><00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <${'41'.repeat(32)}> /U <${'42'.repeat(32)}> >>`,
    ),
  }),
  'a PDF that is cut off': () => ({
    ...{ ending: '.pdf', ends: 'any' },
    bytes: truncated(makePdf([['a'], ['b']]), 0.3),
  }),
  'a PDF of a scan': () => ({
    ...{ ending: '.pdf', ends: 'no_text' },
    bytes: makePdf([[], []]),
  }),
  'a PDF that is text': () => ({
    ...{ ending: '.pdf', ends: 'unreadable' },
    bytes: Buffer.from('This is no PDF.'),
  }),
  'a PDF with deep lists': () => ({
    ...{ ending: '.pdf', ends: 'any' },
    bytes: pdfOf([catalog, onePage, page('['.repeat(1_000_000))]),
  }),
};

const archives: Record<string, () => HostileFile> = {
  'a Word file that decompresses to 200 MB': () => ({
    ...{ ending: '.docx', ends: 'too_large' },
    bytes: makeDocx('', { 'word/document.xml': bomb() }),
  }),
  'a Word file that lies about its size': () => ({
    ...{ ending: '.docx', ends: 'too_large' },
    bytes: makeZip({ 'word/document.xml': bomb() }, { claimedSize: 100 }),
  }),
  'a Word file with an XML entity bomb': () => {
    const entities = Array.from(
      { length: 30 },
      (_none, index) => `<!ENTITY e${index + 1} "&e${index};&e${index};">`,
    );
    const xml = `<?xml version="1.0"?><!DOCTYPE d [<!ENTITY e0 "haha">${entities.join('')}]>`;
    return {
      ...{ ending: '.docx', ends: 'ready' },
      bytes: makeDocx('', { 'word/document.xml': `${xml}<w:d>${paragraph('Text &e30;')}</w:d>` }),
    };
  },
  'a Word file that names a file of the machine': () => ({
    ...{ ending: '.docx', ends: 'ready' },
    bytes: makeDocx('', {
      'word/document.xml': `<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><w:d>${paragraph('Text &x;')}</w:d>`,
    }),
  }),
  'a Word file with 200,000 nested tables': () => ({
    ...{ ending: '.docx', ends: 'unreadable' },
    bytes: makeDocx('<w:tbl><w:tr><w:tc>'.repeat(200_000)),
  }),
  'a Word file whose styles are based on each other': () => ({
    ...{ ending: '.docx', ends: 'ready' },
    bytes: makeDocx(paragraph('Text', 'a'), {
      'word/styles.xml':
        '<w:styles><w:style w:styleId="a"><w:basedOn w:val="b"/></w:style><w:style w:styleId="b"><w:basedOn w:val="a"/></w:style></w:styles>',
    }),
  }),
  'a Word file that is cut off': () => ({
    ...{ ending: '.docx', ends: 'unreadable' },
    bytes: truncated(makeDocx(paragraph('Text')), 0.6),
  }),
  'a Word file with a wrong checksum': () => {
    const bytes = makeDocx(paragraph('Text'));
    const at = bytes.indexOf('word/document.xml') + 30;
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    return { ending: '.docx', ends: 'unreadable', bytes };
  },
  'a Word file that is an Excel file': () => ({
    ...{ ending: '.docx', ends: 'unreadable' },
    bytes: makeXlsx({ A: '<row><c><v>1</v></c></row>' }),
  }),
  'a Word file with a password': () => ({
    ...{ ending: '.docx', ends: 'password_protected' },
    bytes: Buffer.concat([
      Buffer.from('d0cf11e0a1b11ae1', 'hex'),
      Buffer.alloc(600),
      Buffer.from('EncryptedPackage', 'utf16le'),
    ]),
  }),
  'a Word file of 1997': () => ({
    ...{ ending: '.docx', ends: 'unreadable' },
    bytes: Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(600)]),
  }),
  'an archive whose parts are encrypted': () => ({
    ...{ ending: '.docx', ends: 'password_protected' },
    bytes: makeZip({ 'word/document.xml': paragraph('Text') }, { flags: 1 }),
  }),
  'an archive of 20,000 parts': () => ({
    ...{ ending: '.docx', ends: 'too_large' },
    bytes: makeZip(
      Object.fromEntries(Array.from({ length: 20_000 }, (_none, index) => [`${index}`, ''])),
    ),
  }),
  'an archive in an archive': () => {
    let bytes = makeDocx(paragraph('Text'));
    for (let depth = 0; depth < 20; depth += 1) bytes = makeZip({ 'word/document.xml': bytes });
    return { ending: '.docx', ends: 'no_text', bytes };
  },
  'a PowerPoint file without text': () => ({
    ...{ ending: '.pptx', ends: 'no_text' },
    bytes: makePptx([shape('body')]),
  }),
  'an Excel file whose strings are missing': () => ({
    ...{ ending: '.xlsx', ends: 'no_text' },
    bytes: makeXlsx({ '': '<row><c t="s"><v>999999999</v></c><c t="s"><v>-1</v></c></row>' }),
  }),
  'an Excel file with cells far away': () => ({
    ...{ ending: '.xlsx', ends: 'ready' },
    bytes: makeXlsx({
      A: '<row r="1048576"><c r="XFD1048576"><v>1</v></c><c r="ZZZ9"><v>2</v></c></row>',
    }),
  }),
  'an Excel file with a string that all cells repeat': () => ({
    ...{ ending: '.xlsx', ends: 'too_large' },
    bytes: makeXlsx({ A: '<row><c t="s"><v>0</v></c></row>'.repeat(50_000) }, ['x'.repeat(10_000)]),
  }),
  'a table of OpenDocument that repeats a cell without end': () => ({
    ...{ ending: '.ods', ends: 'too_large' },
    bytes: makeOpenDocument(
      'spreadsheet',
      `<table:table table:name="A">${'<table:table-row table:number-rows-repeated="1048576"><table:table-cell table:number-columns-repeated="16384"><text:p>x</text:p></table:table-cell></table:table-row>'.repeat(1_000)}</table:table>`,
    ),
  }),
  'a text of OpenDocument with a password': () => ({
    ...{ ending: '.odt', ends: 'password_protected' },
    bytes: makeOpenDocument('text', '', {
      'content.xml': Buffer.from([1, 2, 3, 4]),
      'META-INF/manifest.xml':
        '<manifest:manifest><manifest:file-entry><manifest:encryption-data/></manifest:file-entry></manifest:manifest>',
    }),
  }),
  'a text of OpenDocument that is a presentation': () => ({
    ...{ ending: '.odt', ends: 'unreadable' },
    bytes: makeOpenDocument('presentation', '<draw:page/>'),
  }),
};

const mails: Record<string, () => HostileFile> = {
  'an e-mail of 10,000 parts': () => ({
    ...{ ending: '.eml', ends: 'ready' },
    bytes: Buffer.from(
      `From: a@example.com\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n${'--x\r\nContent-Type: text/plain\r\n\r\nTeil\r\n'.repeat(10_000)}--x--`,
    ),
  }),
  'an e-mail whose parts are nested 5,000 deep': () => ({
    ...{ ending: '.eml', ends: 'unreadable' },
    bytes: Buffer.from(
      `From: a@example.com\r\n${Array.from({ length: 5_000 }, (_none, depth) => `Content-Type: multipart/mixed; boundary=x${depth}\r\n\r\n--x${depth}\r\n`).join('')}`,
    ),
  }),
  'an e-mail in an e-mail, 1,000 times': () => ({
    ...{ ending: '.eml', ends: 'ready' },
    bytes: Buffer.from('From: a@example.com\r\nContent-Type: message/rfc822\r\n\r\n'.repeat(1_000)),
  }),
  'an e-mail with 8 MB of headers': () => ({
    ...{ ending: '.eml', ends: 'unreadable' },
    bytes: Buffer.from(`From: a@example.com\r\n${`X-A: ${'b'.repeat(70)}\r\n`.repeat(100_000)}`),
  }),
  'an e-mail with an address of 2 MB': () => ({
    ...{ ending: '.eml', ends: 'any' },
    bytes: Buffer.from(`From: ${'<a,"(b'.repeat(120_000)}\r\n\r\nText`),
  }),
  'an e-mail of 3 MB of text': () => ({
    ...{ ending: '.eml', ends: 'too_large' },
    bytes: Buffer.from(`From: a@example.com\r\n\r\n${'Wort '.repeat(600_000)}`),
  }),
  'an e-mail that is an image': () => ({
    ...{ ending: '.eml', ends: 'unreadable' },
    bytes: Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'),
  }),
};

/** Files that want to break the reader, by their names. They are made when they are used. */
export const HOSTILE_FILES: Readonly<Record<string, () => HostileFile>> = {
  ...pdfs,
  ...archives,
  ...mails,
};
