/** What JSON can say; the type of everything that is stored as a document or crosses a workflow. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }
export type JsonObject = { readonly [key: string]: Json }
