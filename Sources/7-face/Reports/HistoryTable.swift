import Store

extension History {
  /// For people: a row a series, then the changes.
  public var table: String {
    guard !series.isEmpty else { return "no results" }
    var overview = Table([
      ("architecture", .left), ("dtype", .left), ("test", .left), ("batch", .right),
      ("commits", .right), ("first tok/s", .right), ("last tok/s", .right), ("changes", .right),
    ])
    var changes = Table([
      ("architecture", .left), ("test", .left), ("batch", .right), ("from commit", .left),
      ("before", .right), ("after", .right), ("ratio", .right), ("p", .right),
    ])
    for one in series {
      let batch = one.count("n_sequences")
      overview.add([
        one.modelType, one.word("type_weights"), one.test, batch, "\(one.points.count)",
        one.points.first.map { Quantity.number($0.medianTs) } ?? "–",
        one.points.last.map { Quantity.number($0.medianTs) } ?? "–",
        one.canDetect ? "\(one.changes.count)" : "too few commits",
      ])
      for change in one.changes {
        changes.add([
          one.modelType, one.test, batch, CommitText.brief(change.commit, digits: 9),
          Quantity.number(change.before), Quantity.number(change.after),
          "\(Quantity.number(change.ratio))×", Quantity.number(change.pValue, digits: 2),
        ])
      }
    }
    let leftOut =
      commitsLeftOut.isEmpty
      ? "" : "\n\nmeasured commits left out, which the order lacks: \(commitsLeftOut.count)"
    let any = series.contains { !$0.changes.isEmpty }
    return overview.rendered() + (any ? "\n\n" + changes.rendered() : "")
      + leftOut
      + "\n\nchanges: binary segmentation by rank sums with permutation tests, seed \(seed); "
      + "the chance of even one\nfalse change in all \(series.count) series is at most "
      + "\(Quantity.percent(level)), so each is tested at \(Quantity.number(levelOfSeries, digits: 2))."
  }
}

extension History.Series {
  fileprivate func word(_ field: String) -> String {
    if case .string(let value) = settings[field] { value } else { "–" }
  }

  fileprivate func count(_ field: String) -> String {
    if case .integer(let value) = settings[field] { "\(value)" } else { "–" }
  }
}
