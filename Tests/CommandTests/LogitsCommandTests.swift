import Foundation
import TestSupport
import Testing

extension CommandTests {
  @Test func logits() throws {
    let model = fixture("gguf/llama-q4_0.gguf")
    let json = try dyno(
      "logits", model, "--tokens", "1,2,3", "--generate", "4", "--output", "json")
    #expect(json.code == 0, "\(json.errors)")
    let object = try #require(
      try JSONSerialization.jsonObject(with: json.bytes) as? [String: Any])
    let rows = try #require(object["logits"] as? [[Double]])
    let generated = try #require(object["generated"] as? [Int])
    #expect(rows.map(\.count) == [96])
    #expect(generated.count == 4)
    let likeliest = rows[0].indices.max { rows[0][$0] < rows[0][$1] }!
    #expect(generated[0] == likeliest)

    let table = try dyno("logits", model, "--tokens", "1,2,3", "--top", "3", "--generate", "4")
    let lines = table.output.split(separator: "\n")
    #expect(lines.count == 2 + 3 + 1)
    #expect(lines[2].split(separator: " ").prefix(2) == ["2", "\(likeliest)"])
    #expect(lines[5] == "generated: \(generated.map(String.init).joined(separator: ","))")

    let npy = try dyno(
      "logits", model, "--tokens", "1,2,3", "--all-positions", "--output", "npy")
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("logits.npy")
      try npy.bytes.write(to: file)
      let all = try Files.npy(file)
      #expect(all.map(\.count) == [96, 96, 96])
      #expect(relativeError([all[2].map(Double.init)], rows) < 1e-6)
    }
    // The scalar kernels and requantised weights go the same way.
    let scalar = try dyno(
      "logits", model, "--tokens", "1,2,3", "--dtype", "bf16", "--output", "json",
      environment: ["DYNO_INSTRUCTION_SET": "scalar"])
    let other = try #require(
      (try JSONSerialization.jsonObject(with: scalar.bytes) as? [String: Any])?["logits"]
        as? [[Double]])
    #expect((1e-9...5e-2).contains(relativeError(other, rows)))
  }

  /// What `bench` takes.
  @Test func logitsOfFoldersOfCachesAndOfOneGGUFFile() throws {
    try Files.withTemporaryFolder { folder in
      func check(_ original: String, as copy: String, _ argument: String) throws {
        let copy = folder.appendingPathComponent(copy)
        try FileManager.default.createDirectory(
          at: copy.deletingLastPathComponent(), withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: fixture(original), toPath: copy.path)
        let expected = try dyno("logits", fixture(original), "--tokens", "1,2")
        let outcome = try dyno(
          "logits", folder.appendingPathComponent(argument).path, "--tokens", "1,2")
        #expect(outcome.code == 0 && outcome.bytes == expected.bytes, "\(outcome.errors)")
      }
      try check(
        "huggingface/llama-tied", as: "models--some--tiny/snapshots/0123abcd", "models--some--tiny")
      try check("gguf/llama-q4_0.gguf", as: "one/model.gguf", "one")
    }
  }

  @Test func logitsOfBadInput() throws {
    let model = fixture("gguf/llama-q4_0.gguf")
    expectRefusal(try dyno("logits", model, "--tokens", "1,x"), "tokens")
    expectRefusal(try dyno("logits", model, "--tokens", "96"), "96", "0 to 95")
    expectRefusal(try dyno("logits", "/nowhere.gguf", "--tokens", "1"), "/nowhere.gguf")
    expectRefusal(try dyno("logits", fixture("huggingface"), "--tokens", "1"), "config.json")
    expectRefusal(
      try dyno("logits", "smollm2-135m", "--tokens", "1"), "has no weights", "model.safetensors")
    try Files.withTemporaryFolder { folder in
      let data = try Data(contentsOf: Files.fixtures.appendingPathComponent("gguf/llama-q4_0.gguf"))
      let cut = folder.appendingPathComponent("cut.gguf")
      try data.prefix(data.count - 100).write(to: cut)
      expectRefusal(try dyno("logits", cut.path, "--tokens", "1"), cut.path, "truncated")
    }
  }
}
