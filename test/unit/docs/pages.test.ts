import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../../..')
const pages = ['README.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md', { cwd: root })]
const read = (page: string) => readFileSync(join(root, page), 'utf8')

describe.each(pages)('%s', (page) => {
  const text = read(page)
  const isThere = (path: string) => ['.', dirname(page)].some((place) => existsSync(join(root, place, path)))

  test('links to what is there', () => {
    const links = Array.from(text.matchAll(/\]\(([^)#]+)/g), ([, target = '']) => target)
    const broken = links.filter((target) => !/^https?:/.test(target) && !existsSync(join(root, dirname(page), target)))
    expect(broken).toEqual([])
  })

  test('names files and folders that are there', () => {
    const paths = Array.from(text.matchAll(/`([a-z][\w.-]*\/[\w./-]*(?:\.(?:ts|mjs|md|sql|json|yaml)|\/))`/g))
    expect(paths.map(([, path = '']) => path).filter((path) => !isThere(path))).toEqual([])
  })
})

test('the list of decisions has every page, by its title', () => {
  const list = read('docs/decisions/README.md')
  const titles = globSync('docs/decisions/*.md', { cwd: root })
    .filter((page) => !page.endsWith('README.md'))
    .map((page) => `- [${/^# (.*)$/m.exec(read(page))?.[1]}](${page.split('/').at(-1)})`)
  expect(titles.length).toBeGreaterThan(10)
  for (const line of titles) expect(list).toContain(line)
  expect(list.split('\n').filter((line) => line.startsWith('- ')).length).toBe(titles.length)
})

test('each decision fits on a page', () => {
  for (const page of globSync('docs/decisions/*.md', { cwd: root }))
    expect([page, read(page).split('\n').length <= 40]).toEqual([page, true])
})

test('a word has one row in the glossary', () => {
  const words = read('docs/glossary.md')
    .split('\n')
    .filter((line) => line.startsWith('| **'))
    .flatMap((line) => Array.from(line.split('|')[1]?.matchAll(/\*\*([^*]+)\*\*/g) ?? [], ([, word]) => word))
  expect(words.length).toBeGreaterThan(50)
  expect(words.filter((word, at) => words.indexOf(word) !== at)).toEqual([])
})
