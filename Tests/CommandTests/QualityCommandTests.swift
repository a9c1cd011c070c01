import Foundation
import TestSupport
import Testing

extension CommandTests {
  private var qualityModel: String {
    Files.fixtures.appendingPathComponent("gguf/llama-f32.gguf").path
  }

  private func refused(
    _ arguments: [String], _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let outcome = try dyno(["quality", qualityModel] + arguments)
    #expect(outcome.code == 2 && outcome.output.isEmpty, sourceLocation: sourceLocation)
    #expect(outcome.errors.split(separator: "\n").count == 1, sourceLocation: sourceLocation)
    for part in parts {
      #expect(outcome.errors.contains(part), "\(outcome.errors)", sourceLocation: sourceLocation)
    }
  }

  /// The same tokens, however they are given.
  @Test func qualityOfAFile() throws {
    let ids = (0..<60).map { $0 * 37 % 96 }
    try Files.withTemporaryFolder { folder in
      func file(_ name: String, _ data: Data) throws -> String {
        let file = folder.appendingPathComponent(name)
        try data.write(to: file)
        return file.path
      }
      func bytes<Number: FixedWidthInteger>(_: Number.Type) -> Data {
        Data(
          ids.flatMap { id in withUnsafeBytes(of: Number(id).littleEndian) { Array($0) } })
      }
      var header = "{'descr': '<u2', 'fortran_order': False, 'shape': (60,), }"
      header += String(repeating: " ", count: 117 - header.utf8.count) + "\n"
      let npy = Data([0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0]) + Data(header.utf8)
      let forms = [
        [ids.map(String.init).joined(separator: ",")],
        [try file("ids.npy", npy + bytes(UInt16.self))],
        [try file("ids.json", JSONSerialization.data(withJSONObject: ids))],
        [try file("16.bin", bytes(UInt16.self)), "--token-type", "uint16"],
        [try file("32.bin", bytes(UInt32.self)), "--token-type", "uint32"],
      ]
      var outputs: Set<String> = []
      for form in forms {
        let outcome = try dyno(
          ["quality", qualityModel, "--tokens"] + form + [
            "--dtype", "bf16,q8_0", "--dtype", "bf16", "--context", "20", "--bytes", "200",
            "--no-speed", "--output", "json",
          ])
        #expect(outcome.code == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        outputs.insert(outcome.output)
      }
      #expect(outputs.count == 1)
      let records = try #require(
        try JSONSerialization.jsonObject(with: Data(outputs.first!.utf8)) as? [[String: Any]])
      #expect(records.map { $0["weights"] as? String } == ["stored", "bf16", "q8_0"])
      #expect(records[0]["distance"] == nil && records[1]["distance"] != nil)
      #expect(records.allSatisfy { $0["prefill"] == nil && $0["information_capacity"] != nil })
      let text = try #require(records[0]["text"] as? [String: Any])
      #expect(text["predicted_tokens"] as? Int == 57 && text["windows"] as? Int == 3)

      // `logits` reads the same files, as one prompt.
      let listed = try dyno("logits", qualityModel, "--tokens", forms[0][0])
      #expect(listed.code == 0)
      for form in forms.dropFirst() {
        let read = try dyno(["logits", qualityModel, "--tokens"] + form)
        #expect(read.bytes == listed.bytes, "\(read.errors)")
      }
      let documents = try file("two.json", Data("[[1, 2], [3]]".utf8))
      let two = try dyno("logits", qualityModel, "--tokens", documents)
      #expect(two.code == 2 && two.errors.contains("2 documents"))
      try refused(["--tokens", forms[3][0]], "16.bin", "--token-type")
      try refused(
        ["--tokens", forms[4][0], "--token-type", "uint16", "--no-speed"], "are these uint32?")
      try refused(["--tokens", forms[1][0], "--token-type", "uint16"], "ids.npy", "says its type")
    }
  }

  @Test func qualityWithSpeedInEachOutput() throws {
    func run(_ output: String) throws -> String {
      let outcome = try dyno(
        "quality", qualityModel, "--tokens", "1,2,3,4,5", "--dtype", "q4_0", "--budget", "1s",
        "--output", output)
      #expect(outcome.code == 0, "\(outcome.errors)")
      return outcome.output
    }
    let table = try run("table")
    #expect(table.contains("stored (f32)") && table.contains("against stored"))
    #expect(table.contains("tg32 tok/s"))
    #expect(table.contains("No intervals") && !table.contains("bits/byte"))
    #expect(try run("markdown").contains("| weights "))
    let lines = try run("csv").split(separator: "\r\n").map { $0.split(separator: ",") }
    #expect(lines.map(\.count).first == lines.map(\.count).last)
    #expect(lines.count == 3 && lines[0].contains("distance.kl_divergence.value"))
    #expect(lines[0].contains("prefill.median_ts") && lines[2][1] == "q4_0")
  }

  @Test func qualityOfBadInput() throws {
    try refused(["--tokens", "1,x"], "--tokens", "1,x", "does not exist")
    try refused(["--tokens", "1,96"], "token 1", "0 to 95")
    try refused(["--tokens", "1"], "--tokens", "two tokens")
    try refused(["--tokens", "1,2", "--context", "1"], "--context")
    try refused(["--tokens", "1,2", "--context", "0"], "--context")
    try refused(["--tokens", "1,2", "--context", "100000"], "--context", "at most")
    try refused(["--tokens", "1,2", "--bytes", "0"], "--bytes")
    try refused(["--tokens", "1,2", "--tokens-limit", "0"], "--tokens-limit")
    try refused(["--tokens", "1,2", "--token-type", "uint8"], "uint8")
    try refused(["--tokens", "1,2", "--token-type", "uint16"], "--token-type", "listed")
    try refused(["--tokens", "1,2", "--dtype", "q9"], "q9")
    try refused(["--tokens", "1,2", "--reference", "best"], "best")
    try refused(["--tokens", "1,2", "--activations", "f32"], "--no-speed")
    try refused(["--tokens", "1,2", "--no-speed", "--budget", "5s"], "--budget")
    try refused(["--tokens", "/nowhere.npy"], "/nowhere.npy")
    let random = try dyno("quality", "smollm2-135m", "--tokens", "1,2")
    #expect(random.code == 2 && random.errors.contains("has no weights"))
  }
}
