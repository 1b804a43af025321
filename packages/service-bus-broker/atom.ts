import { XMLBuilder, XMLParser } from 'fast-xml-parser'
import type { Fields } from './description.ts'
import { errors } from './errors.ts'
import type { AuthorizationRule, Right } from './sas.ts'

/** Parsed XML: an element is its text, or an object of its attributes (`@name`) and children. */
export type Xml = string | { [name: string]: Xml | Xml[] | undefined }
type XmlObject = Exclude<Xml, string>

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  removeNSPrefix: true,
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
})
const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: '@', suppressEmptyNode: true })

const atom = 'http://www.w3.org/2005/Atom'
/** The namespace of the service's descriptions. */
export const serviceBus = 'http://schemas.microsoft.com/netservices/2010/10/servicebus/connect'
/** The namespace of `i:type`. */
export const schemaInstance = 'http://www.w3.org/2001/XMLSchema-instance'

/** The child elements of that name; an absent one gives none. */
export function children(parent: Xml | Xml[] | undefined, name: string): Xml[] {
  if (parent === undefined || typeof parent === 'string' || Array.isArray(parent)) return []
  const child = parent[name]
  return child === undefined ? [] : Array.isArray(child) ? child : [child]
}

/** The first child element of that name. */
export function child(parent: Xml | Xml[] | undefined, name: string): Xml | undefined {
  return children(parent, name)[0]
}

/** The text of an element, '' for an empty one, undefined for an absent one. */
export function textOf(element: Xml | undefined): string | undefined {
  if (element === undefined || typeof element === 'string') return element
  const text = element['#text']
  return typeof text === 'string' ? text : ''
}

/** The description of kind `root` inside a request's entry. Throws a bad request for anything else. */
export function parseEntry(body: string, root: string): XmlObject {
  let parsed: Xml
  try {
    parsed = parser.parse(body, true)
  } catch (error) {
    throw errors.badRequest(
      `The body is not well-formed XML: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
  const description = child(child(child(parsed, 'entry'), 'content'), root)
  if (description === undefined) throw errors.badRequest(`The body must be an Atom entry with a ${root}.`)
  return typeof description === 'string' ? {} : description
}

/** The simple elements of a description, by name, without those that have a structure of their own. */
export function fieldsOf(description: XmlObject, structured: readonly string[]): Fields {
  const names = Object.keys(description).filter((name) => !/^[@#]/.test(name) && !structured.includes(name))
  return Object.fromEntries(names.map((name) => [name, textOf(child(description, name)) ?? '']))
}

/** The authorization rules of a topic's description; undefined when it has no such element. */
export function authorizationRulesOf(description: XmlObject): Partial<AuthorizationRule>[] | undefined {
  const element = child(description, 'AuthorizationRules')
  if (element === undefined) return undefined
  return children(element, 'AuthorizationRule').map((rule) => {
    const [keyName, primaryKey, secondaryKey] = ['KeyName', 'PrimaryKey', 'SecondaryKey'].map(
      (name) => textOf(child(rule, name)) ?? '',
    )
    const rights = children(child(rule, 'Rights'), 'AccessRights').map((right) => textOf(right) as Right)
    return { keyName: keyName ?? '', primaryKey: primaryKey ?? '', secondaryKey: secondaryKey ?? '', rights }
  })
}

/** One description to answer with: `url` names the entity, its last part is the title. */
export type Entry = { url: string; root: string; content: XmlObject; at: number }

function entryXml({ url, root, content, at }: Entry, nested: boolean): XmlObject {
  const time = new Date(at).toISOString()
  return {
    ...(nested ? {} : { '@xmlns': atom }),
    id: url,
    title: { '@type': 'text', '#text': decodeURIComponent(url.split('/').at(-1) ?? '') },
    published: time,
    updated: time,
    content: { '@type': 'application/xml', [root]: { '@xmlns': serviceBus, '@xmlns:i': schemaInstance, ...content } },
  }
}

/** The XML of one entry. */
export function buildEntry(entry: Entry): string {
  return builder.build({ entry: entryXml(entry, false) })
}

/** The XML of a feed; `next` is the URL of the next page. Without entries it says that what was asked for is not there. */
export function buildFeed(url: string, entries: Entry[], next?: string): string {
  const links = [{ '@rel': 'self', '@href': url }, ...(next === undefined ? [] : [{ '@rel': 'next', '@href': next }])]
  const title = { '@type': 'text', '#text': entries.length > 0 ? 'Entities' : 'Publicly Listed Services' }
  const feed = { '@xmlns': atom, title, id: url, link: links, entry: entries.map((entry) => entryXml(entry, true)) }
  return builder.build({ feed })
}

/** The XML of an error. */
export function buildError(status: number, detail: string): string {
  return builder.build({ Error: { Code: String(status), Detail: detail } })
}
