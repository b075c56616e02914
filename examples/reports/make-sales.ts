import { writeFileSync } from 'node:fs';

/**
 * Makes sales.csv: three years of orders of a coffee roaster that does not exist.
 *
 *   node examples/reports/make-sales.ts
 *
 * One seed and whole numbers only, so the same bytes come out on every machine.
 */
const rows = 50_000;
const firstDay = Date.UTC(2024, 0, 1);
const days = 1096; // to the end of 2026
const dayMs = 86_400_000;

/** How busy a month is (January first) and a day of the week (Sunday first). */
const months = [82, 80, 90, 94, 98, 96, 88, 86, 98, 106, 128, 154];
const weekdays = [70, 112, 106, 104, 108, 120, 80];

/** Share of each in 100 orders. */
const regions = { North: 34, South: 27, East: 22, West: 17 };

/**
 * The products. `weight`: how often it is bought. `peak`: the month in which it is bought twice as
 * often.
 */
const products = [
  { name: 'House Espresso 1 kg', cents: 2490, weight: 150 },
  { name: 'Filter Roast 1 kg', cents: 2650, weight: 110 },
  { name: 'Decaf 500 g', cents: 1490, weight: 60 },
  { name: 'Ethiopia Guji 250 g', cents: 1250, weight: 75 },
  { name: 'Colombia Huila 250 g', cents: 1190, weight: 68 },
  { name: 'Kenya AA 250 g', cents: 1350, weight: 44 },
  { name: 'Earl Grey 100 g', cents: 890, weight: 42 },
  { name: 'Sencha 100 g', cents: 1050, weight: 30 },
  { name: 'Rooibos 100 g', cents: 750, weight: 26, peak: 10 },
  { name: 'Chai Blend 250 g', cents: 990, weight: 34, peak: 11 },
  { name: 'Cold Brew 6-pack', cents: 1800, weight: 58, peak: 6 },
  { name: 'Iced Latte 6-pack', cents: 1950, weight: 46, peak: 7 },
  { name: 'Coffee Tonic 6-pack', cents: 1650, weight: 22, peak: 6 },
  { name: 'Pour-over Set', cents: 3900, weight: 26, peak: 11 },
  { name: 'French Press', cents: 3400, weight: 24, peak: 11 },
  { name: 'Hand Grinder', cents: 8900, weight: 18, peak: 11 },
  { name: 'Gooseneck Kettle', cents: 7400, weight: 15, peak: 11 },
  { name: 'Paper Filters 100', cents: 650, weight: 88 },
  { name: 'Tasting Box', cents: 4200, weight: 28, peak: 11 },
  { name: 'Gift Card', cents: 5000, weight: 22, peak: 11 },
  { name: 'Ceramic Mug', cents: 1400, weight: 30, peak: 11 },
];

export function makeSales(): string {
  const random = randomIntegers(20_240_101);
  const weights = Array.from({ length: days }, (_, day) => dayWeight(day) * (85 + random(31)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const lines = ['date,region,product,units,unit_price'];
  let weightSoFar = 0;
  for (const [day, weight] of weights.entries()) {
    weightSoFar += weight;
    const rowsByTonight = Math.floor((rows * weightSoFar) / total);
    while (lines.length - 1 < rowsByTonight) lines.push(order(day, random));
  }
  return `${lines.join('\n')}\n`;
}

function dayWeight(day: number): number {
  const date = new Date(firstDay + day * dayMs);
  const growth = 1000 + Math.floor(day / 4); // a good quarter more at the end than at the start
  return growth * (months[date.getUTCMonth()] ?? 0) * (weekdays[date.getUTCDay()] ?? 0);
}

function order(day: number, random: (below: number) => number): string {
  const date = new Date(firstDay + day * dayMs);
  const product = pick(products, (p) => (p.peak === date.getUTCMonth() ? 2 : 1) * p.weight, random);
  const [region] = pick(Object.entries(regions), ([, weight]) => weight, random);
  const units = 1 + Math.floor(random(100) ** 2 / 3400); // one or two, sometimes three
  // Prices went up by 4 % in 2025 and again in 2026, to the next ten cents.
  const years = date.getUTCFullYear() - 2024;
  const cents = Math.ceil((product.cents * (100 + 4 * years)) / 1000) * 10;
  const price = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
  return `${date.toISOString().slice(0, 10)},${region},${product.name},${units},${price}`;
}

function pick<Item>(
  items: readonly Item[],
  weightOf: (item: Item) => number,
  random: (below: number) => number,
): Item {
  let rest = random(items.reduce((sum, item) => sum + weightOf(item), 0));
  for (const item of items) {
    rest -= weightOf(item);
    if (rest < 0) return item;
  }
  throw new Error('Nothing to pick from.');
}

/** mulberry32: random 32-bit whole numbers from one seed. */
function randomIntegers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

if (import.meta.main) writeFileSync(new URL('./sales.csv', import.meta.url), makeSales());
