import Formats
import Foundation
import Input
import Model
import TestSupport
import Testing
import Weights

/// What a command line's `ARCH` may name.
@Suite struct ModelSubjectTests {
  private let checkpoint = Files.fixtures.appendingPathComponent("huggingface/llama-tied").path

  @Test func filesBringTheirWeights() throws {
    let gguf = Files.fixtures.appendingPathComponent("gguf/qwen3-f32.gguf").path
    let model = try ModelSubject.resolve(gguf)
    #expect(model.architecture.modelType == "qwen3" && model.weights == gguf)
    let folder = try ModelSubject.resolve(checkpoint)
    #expect(folder.weights == checkpoint && folder.architecture.name == "llama-tied")
    let file = try ModelSubject.resolve(checkpoint + "/model.safetensors")
    #expect(file.weights == checkpoint + "/model.safetensors")
    #expect(file.architecture.layers == folder.architecture.layers)
    #expect(try ModelSubject.resolve(checkpoint + "/config.json").weights == nil)
    #expect(try ModelSubject.resolve("smollm2-135m").weights == nil)
  }

  /// `models--org--name`, and a snapshot within, are called org/name.
  @Test func foldersOfTheHubCache() throws {
    try Files.withTemporaryFolder { folder in
      let model = folder.appendingPathComponent("models--some--tiny-llama")
      let snapshot = model.appendingPathComponent("snapshots/0123abcd")
      try FileManager.default.createDirectory(
        at: snapshot.deletingLastPathComponent(), withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: checkpoint, toPath: snapshot.path)
      for path in [model.path, snapshot.path, snapshot.path + "/"] {
        let subject = try ModelSubject.resolve(path)
        #expect(subject.architecture.name == "some/tiny-llama" && subject.weights != nil, "\(path)")
      }
      // A second snapshot: refs/main says which is meant.
      try FileManager.default.copyItem(
        atPath: checkpoint, toPath: model.path + "/snapshots/4567ef")
      #expect(throws: InputError.self) { try ModelSubject.resolve(model.path) }
      try FileManager.default.createDirectory(
        atPath: model.path + "/refs", withIntermediateDirectories: true)
      try "4567ef\n".write(toFile: model.path + "/refs/main", atomically: false, encoding: .utf8)
      #expect(try ModelSubject.resolve(model.path).weights?.hasSuffix("4567ef") == true)
    }
  }

  @Test func folderOfOneGGUFFile() throws {
    try Files.withTemporaryFolder { folder in
      let fixture = Files.fixtures.appendingPathComponent("gguf/llama-q4_0.gguf").path
      try FileManager.default.copyItem(atPath: fixture, toPath: folder.path + "/a.gguf")
      #expect(try ModelSubject.resolve(folder.path).architecture.name == "a")
      try FileManager.default.copyItem(atPath: fixture, toPath: folder.path + "/b.gguf")
      #expect(throws: InputError.self) { try ModelSubject.resolve(folder.path) }
    }
  }

  /// `quantization_config` sets the default storage where there is one like it, and is no reason to
  /// refuse.
  @Test(arguments: [
    (#"{"bits": 4, "quant_method": "awq"}"#, DType.q4_0 as DType?), (#"{"bits": 8}"#, .q8_0),
    (#"{"quant_method": "fp8"}"#, nil),
  ])
  func storedQuantised(storage: String, expected: DType?) throws {
    try Files.withTemporaryFolder { folder in
      var text = try String(contentsOfFile: checkpoint + "/config.json", encoding: .utf8)
      text.replace("{", with: "{\"quantization_config\": \(storage),", maxReplacements: 1)
      try text.write(toFile: folder.path + "/config.json", atomically: false, encoding: .utf8)
      let subject = try ModelSubject.resolve(folder.path)
      #expect(subject.defaultDType == expected)
      #expect(subject.notes.count == 2, "\(subject.notes)")
    }
  }
}
