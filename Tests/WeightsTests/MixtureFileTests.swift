import Foundation
import Input
import Machine
import TestSupport
import Testing
import Weights

/// Experts in files: where they lie, and what is not read.
@Suite struct MixtureFileTests {
  private func load(_ fixture: String) throws -> ModelWeights {
    try ModelWeights.load(
      Files.fixtures.appendingPathComponent(fixture).path, kernels: .selected())
  }

  /// Slices of one tensor, which is not copied.
  @Test(arguments: ["huggingface/mixtral-stacked", "huggingface/granitemoe", "gguf/mixtral.gguf"])
  func stackedExpertsStayWhereTheyAre(fixture: String) throws {
    let experts = try #require(load(fixture).weights(.experts, ofLayer: 1)).experts
    #expect(experts.count == 8)
    let isFused = !fixture.hasPrefix("gguf")
    for part in 0..<2 {
      let first = experts[0].gateUp.parts[part]
      for (index, expert) in experts.enumerated() {
        let matrix = expert.gateUp.parts[part]
        #expect(matrix.base == first.base + index * first.bytes * (isFused ? 2 : 1))
      }
    }
    let (gate, up) = (experts[0].gateUp.parts[0], experts[0].gateUp.parts[1])
    if isFused { #expect(up.base == gate.base + gate.bytes) }
    for (index, expert) in experts.enumerated() {
      let first = experts[0].down.parts[0]
      #expect(expert.down.parts[0].base == first.base + index * first.bytes)
    }
  }

  /// A checkpoint's header with something replaced.
  private func withHeader(
    of fixture: String, _ change: (inout String) -> Void, _ body: (URL) throws -> Void
  ) throws {
    try Files.withTemporaryFolder { folder in
      let original = Files.fixtures.appendingPathComponent("huggingface/\(fixture)")
      try FileManager.default.copyItem(
        at: original.appendingPathComponent("config.json"),
        to: folder.appendingPathComponent("config.json"))
      let data = try Data(contentsOf: original.appendingPathComponent("model.safetensors"))
      let length = Int(data.prefix(8).withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
      var header = String(decoding: data[8..<8 + length], as: UTF8.self)
      change(&header)
      var changed = withUnsafeBytes(of: UInt64(header.utf8.count)) { Data($0) }
      changed += Data(header.utf8) + data[(8 + length)...]
      try changed.write(to: folder.appendingPathComponent("model.safetensors"))
      try body(folder)
    }
  }

  private func refusal(_ folder: URL) throws -> String {
    let error = #expect(throws: InputError.self) {
      try ModelWeights.load(folder.path, kernels: .selected())
    }
    return try #require(error).description
  }

  @Test func mxfp4IsRefusedByName() throws {
    let name = "model.layers.0.mlp.experts.gate_up_proj"
    try withHeader(of: "gpt_oss") {
      $0 = $0.replacingOccurrences(of: "\"\(name)\"", with: "\"\(name)_blocks\"")
    } _: { folder in
      let text = try refusal(folder)
      #expect(text.contains("\(name)_blocks") && text.contains("MXFP4"), "\(text)")
      #expect(!text.contains("\n"))
    }
  }

  @Test func fp8IsRefusedByName() throws {
    try withHeader(of: "deepseek_v3") { header in
      // Of another type, a tensor's size is not checked.
      let name = "\"model.layers.1.self_attn.kv_b_proj.weight\":{\"dtype\":\"F32\""
      #expect(header.contains(name))
      header = header.replacingOccurrences(
        of: name, with: name.replacingOccurrences(of: "F32", with: "F8_E4M3"))
    } _: { folder in
      let text = try refusal(folder)
      #expect(text.contains("kv_b_proj") && text.contains("F8_E4M3"), "\(text)")
    }
  }

  /// Layers after the last are harmless only where they predict further tokens.
  @Test func furtherLayers() throws {
    #expect(throws: Never.self) { try load("huggingface/deepseek_v3") }
    try withHeader(of: "deepseek_v3") {
      $0 = $0.replacingOccurrences(of: "layers.3.eh_proj", with: "layers.3.other")
    } _: { folder in
      let text = try refusal(folder)
      #expect(text.contains("model.layers.3."), "\(text)")
    }
  }

  @Test func aStackOfOtherSize() throws {
    let name = "model.layers.0.block_sparse_moe.output_linear.weight"
    try withHeader(of: "granitemoe") {
      $0 = $0.replacingOccurrences(
        of: "\"\(name)\":{\"dtype\":\"F32\",\"shape\":[8,32,8]",
        with: "\"\(name)\":{\"dtype\":\"F32\",\"shape\":[4,64,8]")
    } _: { folder in
      let text = try refusal(folder)
      #expect(text.contains(name) && text.contains("[8, 32, 8]"), "\(text)")
    }
  }
}
