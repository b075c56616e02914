import PDFDocument from 'pdfkit'; // oxlint-disable-line import/no-named-as-default -- its types have only the default

/** The content of one page, with its texts ready to print. */
export type Report = {
  readonly title: string;
  readonly subtitle: string;
  readonly figures: readonly { label: string; value: string; change: string | null }[];
  readonly chart: {
    readonly title: string;
    readonly kind: 'columns' | 'bars';
    readonly points: readonly { label: string; value: number }[];
  };
  readonly table: {
    readonly title: string;
    readonly columns: readonly string[];
    readonly rows: readonly (readonly string[])[];
    readonly total: readonly string[];
  };
  readonly note: string;
};

type Pdf = PDFKit.PDFDocument;

const colour = {
  ink: '#1c2a2e',
  grey: '#66757a',
  line: '#dde4e3',
  pale: '#f3f6f5',
  accent: '#1f6f5c',
  good: '#1f7a4d',
  bad: '#b3402e',
} as const;

// A4 in points.
const page = { left: 52, right: 543, width: 491 } as const;

/**
 * The report as one A4 page. The document is a stream that produces its bytes while they are read.
 */
export function drawReport(report: Report): Pdf {
  const pdf = new PDFDocument({
    size: 'A4',
    margin: 0,
    info: { Title: `${report.title}, ${report.subtitle}`, Author: 'Fernway Coffee Roasters' },
  });
  drawHead(pdf, report);
  drawFigures(pdf, report.figures, 158);
  heading(pdf, report.chart.title, 252);
  if (report.chart.kind === 'columns') drawColumns(pdf, report.chart.points, 282);
  else drawBars(pdf, report.chart.points, 282);
  heading(pdf, report.table.title, 508);
  drawTable(pdf, report.table, 532);
  drawFoot(pdf, report.note);
  pdf.end();
  return pdf;
}

function drawHead(pdf: Pdf, report: Report): void {
  pdf.rect(0, 0, 596, 118).fill(colour.accent);
  write(pdf, 'FERNWAY COFFEE ROASTERS', {
    x: page.left,
    y: 34,
    size: 8.5,
    colour: '#bcd9d0',
    spacing: 1.4,
  });
  write(pdf, report.title, { x: page.left, y: 50, size: 25, colour: '#ffffff', bold: true });
  write(pdf, report.subtitle, { x: page.left, y: 83, size: 11, colour: '#dcebe6' });
}

function drawFigures(pdf: Pdf, figures: Report['figures'], y: number): void {
  const width = page.width / figures.length;
  for (const [index, { label, value, change }] of figures.entries()) {
    const x = page.left + index * width;
    if (index > 0) pdf.rect(x - 14, y, 0.75, 58).fill(colour.line);
    write(pdf, label, { x, y, size: 9, colour: colour.grey });
    write(pdf, value, { x, y: y + 14, size: 18, colour: colour.ink, bold: true });
    if (change === null) continue;
    const tone = change.startsWith('+') ? colour.good : colour.bad;
    write(pdf, change, { x, y: y + 42, size: 9, colour: tone, bold: true });
    const afterChange = x + pdf.widthOfString(change) + 5;
    write(pdf, 'on the year', { x: afterChange, y: y + 42, size: 9, colour: colour.grey });
  }
}

/** Upright columns over time, with a scale on the left. */
function drawColumns(pdf: Pdf, points: Report['chart']['points'], y: number): void {
  const height = 176;
  const left = page.left + 40;
  const bottom = y + height;
  const scale = niceScale(Math.max(...points.map((point) => point.value)));
  for (let value = 0; value <= scale.top; value += scale.step) {
    const lineY = bottom - (value / scale.top) * height;
    pdf.rect(left, lineY, page.right - left, 0.5).fill(value === 0 ? colour.grey : colour.line);
    write(pdf, short(value), {
      x: page.left,
      y: lineY - 4,
      size: 8,
      colour: colour.grey,
      width: 32,
      align: 'right',
    });
  }
  const slot = (page.right - left) / points.length;
  const labelEvery = Math.ceil(34 / slot);
  for (const [index, { label, value }] of points.entries()) {
    const columnHeight = (value / scale.top) * height;
    const width = Math.min(44, slot - Math.min(8, slot * 0.28));
    const x = left + index * slot;
    const columnX = x + (slot - width) / 2;
    pdf.rect(columnX, bottom - columnHeight, width, columnHeight).fill(colour.accent);
    if (index % labelEvery !== 0) continue;
    write(pdf, label, {
      x: x + slot / 2 - 30,
      y: bottom + 6,
      size: 8,
      colour: colour.grey,
      width: 60,
      align: 'center',
    });
  }
}

/** Horizontal bars with their name on the left and their value at the end. */
function drawBars(pdf: Pdf, points: Report['chart']['points'], y: number): void {
  const left = page.left + 126;
  const longest = page.right - left - 62;
  const slot = 19.6;
  const most = Math.max(1, ...points.map((point) => point.value));
  for (const [index, { label, value }] of points.entries()) {
    const rowY = y + index * slot;
    const width = (value / most) * longest;
    write(pdf, label, { x: page.left, y: rowY + 3, size: 9, colour: colour.ink, width: 118 });
    pdf.rect(left, rowY, width, slot - 6).fill(index === 0 ? colour.accent : '#7fae9f');
    write(pdf, `€ ${Math.round(value).toLocaleString('en')}`, {
      x: left + width + 7,
      y: rowY + 3,
      size: 9,
      colour: colour.grey,
    });
  }
}

function drawTable(pdf: Pdf, table: Report['table'], y: number): void {
  const rowHeight = table.rows.length > 6 ? 17.2 : 22;
  const widths = [0.3, 0.12, 0.12, 0.18, 0.13, 0.15].map((part) => part * page.width);
  const drawRow = (cells: readonly string[], rowY: number, bold: boolean): void => {
    let x: number = page.left;
    for (const [index, cell] of cells.entries()) {
      const width = widths[index] ?? 0;
      const align = index === 0 ? 'left' : 'right';
      const at = { x: x + (index === 0 ? 8 : 0), y: rowY + rowHeight / 2 - 3.6, width: width - 8 };
      write(pdf, cell, { ...at, size: 9, colour: colour.ink, align, bold });
      x += width;
    }
  };
  pdf.rect(page.left, y, page.width, rowHeight).fill(colour.pale);
  drawRow(table.columns, y, true);
  let rowY = y + rowHeight;
  for (const cells of table.rows) {
    drawRow(cells, rowY, false);
    rowY += rowHeight;
    pdf.rect(page.left, rowY, page.width, 0.5).fill(colour.line);
  }
  drawRow(table.total, rowY, true);
  pdf.rect(page.left, rowY + rowHeight, page.width, 0.75).fill(colour.ink);
}

function drawFoot(pdf: Pdf, note: string): void {
  pdf.rect(page.left, 788, page.width, 0.5).fill(colour.line);
  write(pdf, note, { x: page.left, y: 797, size: 8, colour: colour.grey, width: page.width });
}

function heading(pdf: Pdf, text: string, y: number): void {
  write(pdf, text, { x: page.left, y, size: 12, colour: colour.ink, bold: true });
}

type Text = {
  x: number;
  y: number;
  size: number;
  colour: string;
  bold?: boolean;
  width?: number;
  align?: 'left' | 'right' | 'center';
  spacing?: number;
};

function write(pdf: Pdf, text: string, p: Text): void {
  pdf
    .font(p.bold === true ? 'Helvetica-Bold' : 'Helvetica')
    .fontSize(p.size)
    .fillColor(p.colour);
  pdf.text(text, p.x, p.y, {
    width: p.width ?? page.width,
    align: p.align ?? 'left',
    characterSpacing: p.spacing ?? 0,
  });
}

/** A round upper end for a scale of two to five steps. */
function niceScale(most: number): { top: number; step: number } {
  const wanted = Math.max(1, most) / 4;
  const magnitude = 10 ** Math.floor(Math.log10(wanted));
  const step = magnitude * ([1, 2, 2.5, 5].find((times) => times * magnitude >= wanted) ?? 10);
  return { top: step * Math.ceil(Math.max(1, most) / step), step };
}

/** A number shortened for a scale: 1500 is '1.5k'. */
function short(value: number): string {
  return value >= 1000 ? `${value / 1000}k` : String(value);
}
