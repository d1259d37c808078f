import assert from "node:assert/strict";
import { test } from "node:test";
import { indent, members, pretty, shorten, toData } from "../../console/static/json.js";
import { checkChannel, checkUser } from "../../console/static/names.js";

test("members of an object keep the text they were written as", () => {
  const text = String.raw` { "id" : "1-2", "data": {"n":12345678901234567890,"s":"a,}\"]{"} , "a\u0062":[1,{"x":[]}], "z":-1.50e+2 } `;
  assert.deepEqual(
    [...members(text)],
    [
      ["id", '"1-2"'],
      ["data", String.raw`{"n":12345678901234567890,"s":"a,}\"]{"}`],
      ["ab", '[1,{"x":[]}]'],
      ["z", "-1.50e+2"],
    ],
  );
  assert.deepEqual([...members("{}")], []);
  assert.deepEqual([...members('{"data":"\\\\"}')], [["data", '"\\\\"']]);
});

test("indented JSON is the same JSON", () => {
  const cases = [
    "null",
    '"{[,:]}"',
    "[]",
    "{ }",
    '{"a":[1,2,{"b":[]}],"c":"\\"}","d":{"e":{"f":{}}}}',
    `{"long":"${"x".repeat(100)}","list":[${"1234567,".repeat(20)}0]}`,
    '[[[["deep"]]],{"a":{"b":{"c":{"d":1}}}}]',
  ];
  for (const text of cases) assert.deepEqual(JSON.parse(indent(text)), JSON.parse(text), text);
});

test("short objects and arrays stay on one line, long ones do not", () => {
  assert.equal(indent('{"a":1,"b":[true,"x, y"]}'), '{\n  "a": 1,\n  "b": [true, "x, y"]\n}');
  assert.equal(indent("12345678901234567890"), "12345678901234567890");
  assert.equal(indent('{"text":"hi"}'), '{ "text": "hi" }');
});

test("very deep and very long values are shown within bounds", () => {
  assert.ok(pretty("[".repeat(4000) + "]".repeat(4000)).length < 20_000);
  assert.ok(pretty(`"${"x".repeat(1 << 20)}"`).length < 20_000);
  assert.equal(shorten("x".repeat(10), 4), "xxxx\n… and 6 more characters, not shown");
});

test("words become an object, JSON stays as it was typed", () => {
  assert.equal(toData('say "hi"'), '{"text":"say \\"hi\\""}');
  assert.equal(toData("42"), '{"text":"42"}');
  assert.equal(toData(' {"n": 1.0} '), '{"n": 1.0}');
  assert.throws(() => toData("  "), /Write a message/);
  assert.throws(() => toData("{oops"), /not valid JSON/);
});

test("names are refused with a sentence", () => {
  for (const name of ["alice", "a@b.example", "a:b~c_d-e.f", "x".repeat(128)]) assert.equal(checkUser(name), "", name);
  for (const name of ["", ".", "..", "a b", "a/b", "é", "x".repeat(129), "a\n"]) assert.notEqual(checkUser(name), "", name);
  for (const name of ["chat:lobby", "a/b/c"]) assert.equal(checkChannel(name), "", name);
  for (const name of ["", "@alice", "@*", "..", "a?b"]) assert.notEqual(checkChannel(name), "", name);
});
