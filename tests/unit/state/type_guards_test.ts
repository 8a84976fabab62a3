import assert from "node:assert/strict";
import {
  isArrayOf,
  isBoolean,
  isInteger,
  isNumber,
  isObjectOf,
  isOneOf,
  isOptional,
  isString,
} from "../../../lib/base/type_guards.ts";
import { isVmRecord } from "../../../lib/state/record.ts";
import { exampleRecord } from "../support/record.ts";

Deno.test("plain values are told apart", () => {
  assert.deepEqual([isString("a"), isString(1)], [true, false]);
  assert.deepEqual([isBoolean(false), isBoolean(0)], [true, false]);
  assert.deepEqual([isNumber(1.5), isNumber(Number.NaN), isNumber("1")], [true, false, false]);
  assert.deepEqual([isInteger(2), isInteger(2.5)], [true, false]);
  assert.deepEqual([isOneOf("a", "b")("b"), isOneOf("a", "b")("c")], [true, false]);
  assert.deepEqual([isOptional(isString)(undefined), isOptional(isString)(null)], [true, false]);
});

Deno.test("a list passes if all of it does", () => {
  assert.equal(isArrayOf(isString)(["a"]), true);
  assert.equal(isArrayOf(isString)(["a", 1]), false);
  assert.equal(isArrayOf(isString)({ length: 0 }), false);
});

Deno.test("an object passes with these keys and no others", () => {
  const check = isObjectOf<{ a: string; b?: number | undefined }>({
    a: isString,
    b: isOptional(isNumber),
  });
  assert.equal(check({ a: "x" }), true);
  assert.equal(check({ a: "x", b: 1 }), true);
  for (const bad of [{}, { a: 1 }, { a: "x", c: 1 }, { a: "x", b: "1" }, null, [], "a"]) {
    assert.equal(check(bad), false);
  }
});

Deno.test("a record with any one field wrong or missing is refused", () => {
  assert.equal(isVmRecord(exampleRecord), true);
  for (const key of Object.keys(exampleRecord)) {
    assert.equal(isVmRecord({ ...exampleRecord, [key]: Symbol() }), false, key);
    const without = Object.fromEntries(
      Object.entries(exampleRecord).filter(([name]) => name !== key),
    );
    assert.equal(isVmRecord(without), key === "vmm", key);
  }
  assert.equal(isVmRecord({ ...exampleRecord, more: 1 }), false);
});
