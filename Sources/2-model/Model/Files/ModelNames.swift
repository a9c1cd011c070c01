import Foundation
import Input

extension Zoo {
  /// The zoo's architecture for a name as model hubs spell it: `meta-llama/Llama-2-7b-hf` is
  /// `llama-2-7b`, `mistralai/Mistral-7B-v0.1` is `mistral-7b`.
  ///
  /// - Throws: `InputError` where the zoo has none.
  public static func architecture(ofHubModel hubName: String) throws -> Architecture {
    let tail = hubName.split(separator: "/").last.map(String.init) ?? hubName
    var parts = tail.lowercased().split(separator: "-").map(String.init)
    if parts.first == "meta" { parts.removeFirst() }
    let dropped: Set<String> = ["hf", "instruct", "chat", "base", "it"]
    parts.removeAll { part in
      dropped.contains(part)
        // A year and month, as in OLMo-2-0425-1B.
        || part.count == 4 && part.allSatisfy(\.isNumber)
        || part.hasPrefix("v") && part.dropFirst().allSatisfy { $0.isNumber || $0 == "." }
    }
    do {
      return try named(parts.joined(separator: "-"))
    } catch let error as InputError {
      var renamed = error
      renamed.location = [hubName]
      throw renamed
    }
  }
}
