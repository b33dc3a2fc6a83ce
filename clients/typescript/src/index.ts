/**
 * Metalith's API, typed by its own description.
 *
 * `schema.ts` is generated from what `metalith serve` serves, so every path, parameter and
 * answer here is one that the server knows. Nothing is decided on this side.
 */
import createClient, { type Client } from "openapi-fetch";

import type { components, paths } from "./schema.ts";

export type { components, paths };

/** The types of bodies by name, such as `Schemas["PlanView"]`. */
export type Schemas = components["schemas"];

/** A server; `GET`, `POST` and `DELETE` take a path and what belongs to it. */
export type Metalith = Client<paths, "application/json">;

/** Where a server is, and who speaks to it. */
export interface Connection {
  /** Such as `http://localhost:8002`. */
  url: string;
  /** The secret that `metalith token add` showed. Servers of this machine may do without. */
  token?: string | undefined;
}

/** A server at an address. Nothing is sent before something is asked. */
export function connect({ url, token }: Connection): Metalith {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return createClient<paths, "application/json">({ baseUrl: url, headers });
}

/** What a server refused, and why. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  /** The whole of it: status, code, hint, and what stands in the way of a deletion. */
  readonly problem: Schemas["Problem"];

  constructor(problem: Schemas["Problem"]) {
    super(problem.hint == null ? problem.detail : `${problem.detail}; ${problem.hint}`);
    this.problem = problem;
  }
}

/** What came back of one request, one way or the other. */
type Outcome<Answer> =
  | { data: Answer; error?: never; response: Response }
  | { data?: never; error: unknown; response: Response };

/** The answer, or the problem as an error. */
export function answered<Answer>(outcome: Outcome<Answer>): Answer {
  if (outcome.response.ok) return outcome.data as Answer;
  throw new ProblemError(problemOf(outcome.error, outcome.response));
}

/** Whatever stands between a server and its client answers in its own way. */
function problemOf(error: unknown, { status, statusText }: Response): Schemas["Problem"] {
  if (typeof error === "object" && error !== null && "detail" in error && "code" in error) {
    return error as Schemas["Problem"];
  }
  const title = statusText || "Problem";
  return { title, status, code: "server.unknown", detail: `${status} ${title}` };
}

/** Whether a change takes longer, and goes on; then `look` says where to look for it. */
export function isOngoing<Answer extends object>(
  answer: Answer | Schemas["OngoingView"],
): answer is Schemas["OngoingView"] {
  return "look" in answer;
}

/** A text as a filter has it: `column = ${quoted(text)}`. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
