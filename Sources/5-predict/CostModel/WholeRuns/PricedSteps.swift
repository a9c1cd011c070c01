/// A step for which all operators but attention are priced.
struct StepBesideAttention: Sendable {
  let phase: ServingSchedule.Phase
  let sequences: Int
  let tokens: Int
  let logitsRows: Int
  /// How many steps it stands for.
  let times: Double
}

extension ServingSchedule {
  enum Phase {
    /// Prompts of the sequences that start at once: what TTFT counts.
    case firstPrefill
    case prefill
    case decode
  }

  // The steps by which a run is priced, and how often each counts. What depends on a step's tokens
  // only and attention, which grows with what is cached, are priced at steps of their own.
  //
  // Attention grows smoothly with the context and is priced at Gauss's points. Steps between which
  // sequences come to an end, drop out or are computed again one by one are taken together: the rest
  // of them is priced at two sizes beside their mean.

  /// Steps for which all operators but attention are priced.
  func forEachStepBesideAttention(_ body: (StepBesideAttention) -> Void) {
    guard identity == nil else { return steps.forEach(body) }
    forEachGroup { group, phase in
      let first = group.first!
      let times = Double(first.count)
      let tokens = group.reduce(0) { $0 + $1.sequences * $1.new }
      forEachSize(tokens, of: group.count, areAlike: group.count == 1, spacing: 128) {
        body(
          StepBesideAttention(
            phase: phase, sequences: first.sequences, tokens: $0,
            logitsRows: first.isLast ? first.sequences : 0, times: $1 * times))
      }
    } decodes: { stretch in
      let times = Double(stretch.first!.count)
      let steps = stretch.reduce(0) { $0 + $1.steps }
      let sequences = stretch.reduce(0) { $0 + $1.steps * $1.sequences }
      forEachSize(sequences, of: steps, areAlike: stretch.count == 1, spacing: 16) {
        body(
          StepBesideAttention(
            phase: .decode, sequences: $0, tokens: $0, logitsRows: $0, times: $1 * times))
      }
    }
  }

  /// Steps for which attention is priced: of `new` tokens of each sequence after `cached` positions.
  func forEachStepOfAttention(
    _ body: (Phase, _ sequences: Int, _ cached: Int, _ new: Int, _ times: Double) -> Void
  ) {
    forEachGroup { group, phase in
      let times = Double(group.first!.count)
      forEachGaussPoint(group.count) { place, weight in
        let index = min(group.count - 1, max(0, Int(place.rounded())))
        let prefill = group[group.startIndex + index]
        body(phase, prefill.sequences, prefill.cached, prefill.new, weight * times)
      }
    } decodes: { stretch in
      let times = Double(stretch.first!.count)
      let steps = stretch.reduce(0) { $0 + $1.steps }
      forEachGaussPoint(steps) { place, weight in
        var step = place
        var index = stretch.startIndex
        while index + 1 < stretch.endIndex, step >= Double(stretch[index].steps) {
          step -= Double(stretch[index].steps)
          index += 1
        }
        let context = max(1, Int((stretch[index].firstContext + step).rounded()))
        body(.decode, stretch[index].sequences, context - 1, 1, weight * times)
      }
    }
  }

  private func forEachGroup(
    _ body: (ArraySlice<Prefill>, Phase) -> Void, decodes decodeBody: (ArraySlice<Decode>) -> Void
  ) {
    for index in prefills.indices.prefix(firstPrefills) {
      body(prefills[index...index], .firstPrefill)
    }
    func isAlike(_ first: Prefill, _ last: Prefill, _ next: Prefill) -> Bool { first.isAlike(next) }
    forEachGroup(prefills.dropFirst(firstPrefills), isAlike: isAlike) { body($0, .prefill) }
    forEachGroup(decodes[...], isAlike: isSmooth, decodeBody)
  }

  /// - Parameter isAlike: whether the third may follow a group's first and last.
  private func forEachGroup<Part>(
    _ parts: ArraySlice<Part>, isAlike: (Part, Part, Part) -> Bool,
    _ body: (ArraySlice<Part>) -> Void
  ) {
    var start = parts.startIndex
    while start < parts.endIndex {
      var end = start + 1
      while end < parts.endIndex, isAlike(parts[start], parts[end - 1], parts[end]) { end += 1 }
      body(parts[start..<end])
      start = end
    }
  }

  /// Whether decode steps go on smoothly with `next`: no wave begins, and not too few of the first
  /// sequences are left.
  private func isSmooth(from first: Decode, _ last: Decode, _ next: Decode) -> Bool {
    let jump = next.firstContext - (last.firstContext + Double(last.steps))
    return first.count == 1 && next.count == 1 && next.sequences <= last.sequences
      && 4 * next.sequences >= 3 * first.sequences && 16 * abs(jump) <= Double(generate)
  }

  /// Sizes that stand for `count` parts of `total` together, and for how many each: their own where
  /// all are alike, else two beside the mean, which architectures and workloads share.
  ///
  /// These stand half a spacing off its multiples: those are sizes of whole tiles, the cheapest,
  /// while the last tile of sizes at random is half full.
  private func forEachSize(
    _ total: Int, of count: Int, areAlike: Bool, spacing: Int,
    _ body: (_ size: Int, _ weight: Double) -> Void
  ) {
    let mean = Double(total) / Double(count)
    let half = spacing / 2
    guard !areAlike, mean >= Double(half) else {
      body(Int(mean.rounded()), Double(count))
      return
    }
    let low = (Int(mean) - half) / spacing * spacing + half
    let share = (mean - Double(low)) / Double(spacing)
    body(low, (1 - share) * Double(count))
    body(low + spacing, share * Double(count))
  }

  /// Places in 0 ..< count at which a smooth function is computed for its sum, and how many each
  /// stands for: all where they are few, else Gauss-Legendre's three.
  private func forEachGaussPoint(
    _ count: Int, _ body: (_ place: Double, _ weight: Double) -> Void
  ) {
    guard count > 3 else {
      for place in 0..<count { body(Double(place), 1) }
      return
    }
    let middle = Double(count - 1) / 2
    let offset = 0.774_596_669_241_483_4 * Double(count) / 2  // √(3/5) of the half width
    body(middle - offset, Double(count) * 5 / 18)
    body(middle, Double(count) * 8 / 18)
    body(middle + offset, Double(count) * 5 / 18)
  }
}

extension ServingSchedule.Prefill {
  /// Whether `next` may be of a group that begins with this one: prompts of sequences computed again,
  /// whose lengths fall evenly.
  fileprivate func isAlike(_ next: ServingSchedule.Prefill) -> Bool {
    sequences == next.sequences && cached == next.cached && count == 1 && next.count == 1
      && !isPart && !next.isPart && isLast == next.isLast && next.new <= new
      && 4 * next.new >= 3 * new
  }
}
